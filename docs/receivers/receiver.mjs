// A receiver of Forebay's deliveries. Run: FOREBAY_SECRET=whsec_… node receiver.mjs 3000
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const key = Buffer.from(process.env.FOREBAY_SECRET.replace(/^whsec_/, ""), "base64");

function verified(headers, body) {
  const id = headers["webhook-id"] ?? "", sent = headers["webhook-timestamp"] ?? "";
  if (!/^\d+$/.test(sent) || Math.abs(Date.now() / 1000 - Number(sent)) > 300) return false;
  const wanted = Buffer.from("v1," + createHmac("sha256", key).update(`${id}.${sent}.`).update(body).digest("base64"));
  const given = (headers["webhook-signature"] ?? "").split(" ").map((one) => Buffer.from(one)); // several while a secret is rotated
  return given.some((one) => one.length === wanted.length && timingSafeEqual(one, wanted));
}

createServer(async (request, response) => {
  const body = Buffer.concat(await request.toArray());
  const good = verified(request.headers, body);
  if (good) {
    const event = JSON.parse(body); // the same id again is the same event
    console.log(event.type, event.id);
  }
  response.writeHead(good ? 204 : 401).end();
}).listen(Number(process.argv[2]));
