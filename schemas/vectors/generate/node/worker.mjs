// Signs and verifies with the vendors' JavaScript libraries: one JSON request per line in, one answer per line out.
import { createHmac } from 'node:crypto';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

import { sign as octokitSign, verify as octokitVerify } from '@octokit/webhooks-methods';
import { validateSignature as lineValidate } from '@line/bot-sdk';
import { HTTP, CloudEvent } from 'cloudevents';
import { Webhook as StandardWebhook } from 'standardwebhooks';
import { Webhook as SvixWebhook } from 'svix';
import Stripe from 'stripe';
import '@shopify/shopify-api/adapters/node';
import { shopifyApi, ApiVersion, LogSeverity } from '@shopify/shopify-api';

const require = createRequire(import.meta.url);
const jsonwebtoken = require('jsonwebtoken');
const twilio = require('twilio');
const { getSignature: chipchatSignature } = require('chipchat/lib/utils');

const stripe = new Stripe('sk_test_not_used');
const bytes = (base64) => Buffer.from(base64, 'base64');
const succeeds = async (verify) => {
  try {
    return (await verify()) !== false;
  } catch {
    return false;
  }
};
// Libraries that look at the clock themselves look at this one.
const at = async (seconds, verify) => {
  const real = Date.now;
  Date.now = () => seconds * 1000;
  try {
    return await succeeds(verify);
  } finally {
    Date.now = real;
  }
};
const shopify = (secret) =>
  shopifyApi({
    apiKey: 'not-used',
    apiSecretKey: secret,
    apiVersion: Object.values(ApiVersion)[0],
    hostName: 'hooks.example.com',
    isEmbeddedApp: false,
    logger: { level: LogSeverity.Error, log: () => {} },
  });

const operations = {
  hmac: ({ hash, secret, body, encoding }) => createHmac(hash, secret).update(bytes(body)).digest(encoding),
  octokit_sign: ({ secret, body }) => octokitSign(secret, bytes(body).toString()),
  octokit_verify: ({ secret, body, signature }) => succeeds(() => octokitVerify(secret, bytes(body).toString(), signature)),
  stripe_sign: ({ secret, body, timestamp }) =>
    stripe.webhooks.generateTestHeaderString({ payload: bytes(body).toString(), secret, timestamp }),
  stripe_verify: ({ secret, body, signature, tolerance, now }) =>
    succeeds(() => stripe.webhooks.signature.verifyHeader(bytes(body), signature, secret, tolerance, undefined, now * 1000)),
  line_verify: ({ secret, body, signature }) => succeeds(() => lineValidate(bytes(body), secret, signature)),
  chipchat_sign: ({ secret, body }) => chipchatSignature(bytes(body), secret),
  standardwebhooks_verify: ({ secret, body, headers, now }) =>
    at(now, () => new StandardWebhook(secret).verify(bytes(body).toString(), headers, { jsonParse: false })),
  svix_sign: ({ secret, body, id, timestamp }) =>
    new SvixWebhook(secret).sign(id, new Date(timestamp * 1000), bytes(body).toString()),
  jwt_sign: ({ secret, payload, options }) => jsonwebtoken.sign(payload, secret, options),
  jwt_verify: ({ secret, token, leeway, now }) =>
    succeeds(() => jsonwebtoken.verify(token, secret, { algorithms: ['HS256'], clockTolerance: leeway, clockTimestamp: now })),
  twilio_sign: ({ secret, url, params }) => twilio.getExpectedTwilioSignature(secret, url, params),
  twilio_verify: ({ secret, url, params, signature }) => succeeds(() => twilio.validateRequest(secret, signature, url, params)),
  twilio_verify_body: ({ secret, url, body, signature }) =>
    succeeds(() => twilio.validateRequestWithBody(secret, signature, url, bytes(body).toString())),
  shopify_verify: async ({ secret, body, headers }) =>
    (
      await shopify(secret).webhooks.validate({
        rawBody: bytes(body).toString(),
        rawRequest: { method: 'POST', url: '/', headers },
      })
    ).valid,
  cloudevents_binary: ({ event }) => HTTP.binary(new CloudEvent(event)),
  cloudevents_structured: ({ event }) => HTTP.structured(new CloudEvent(event)),
};

for await (const line of createInterface({ input: process.stdin })) {
  const { operation, ...request } = JSON.parse(line);
  let answer;
  try {
    answer = { result: await operations[operation](request) };
  } catch (error) {
    answer = { error: String(error && error.stack) };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
