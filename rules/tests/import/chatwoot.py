"""Writes chatwoot.json: conditions of automation rules, a webhook, and whether they match in PostgreSQL.

The SQL is built as in Chatwoot's AutomationRules::ConditionsFilterService, over tables with its columns.
Run with a PostgreSQL that may be written to: python3 chatwoot.py postgres://… > chatwoot.json
"""

import json
import random
import subprocess
import sys

random.seed(20260310)
pick = random.choice

STATUS = {"open": 0, "resolved": 1, "pending": 2, "snoozed": 3}
PRIORITY = {"low": 0, "medium": 1, "high": 2, "urgent": 3}
TYPES = {"incoming": 0, "outgoing": 1, "template": 3}
GROUP = {"individual": 0, "group": 1}
TEXTS = ["help", "HELP me", "Não, obrigado", "NÃO", "50% off", "a_b", "axb", "it's \"x\"\\y", "line\nbreak", "日本 😀", "", "vip", "+5511900000001"]
SEARCHED = ["help", "NÃO", "não", "%", "50%", "a_b", "\"x\"", "'", "\\\\y", "line\nbreak", " vip ", "日本", "+55", "x\\", "", "."]
LABELS = ["vip", "sales", "it's"]
CUSTOM = {"plan": "text", "seats": "numeric", "paid": "boolean"}

ID = ["equal_to", "not_equal_to", "is_present", "is_not_present"]
EQUAL = ["equal_to", "not_equal_to"]
SEARCH = EQUAL + ["contains", "does_not_contain"]


def quote(value):
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, (int, float)):
        return str(value)
    return "'" + str(value).replace("'", "''") + "'"


def listed(values):
    return ", ".join(quote(value) for value in values) or "NULL"


def operation(operator, values, searched=None):
    """The right-hand side."""
    if operator == "equal_to":
        return f"IN ({listed(values)})"
    if operator == "not_equal_to":
        return f"NOT IN ({listed(values)})"
    if operator == "contains":
        return f"ILIKE ANY (ARRAY[{listed('%' + v.strip() + '%' for v in values)}])"
    if operator == "does_not_contain":
        return f"NOT ILIKE ALL (ARRAY[{listed('%' + v.strip() + '%' for v in values)}])"
    if operator == "starts_with":
        return f"LIKE {quote(values[0].lower() + '%')}"
    if operator == "is_present":
        return "IS NOT NULL"
    if operator == "is_not_present":
        return "IS NULL"
    if operator == "is_greater_than":
        return f"> {quote(values[0])}"
    if operator == "is_less_than":
        return f"< {quote(values[0])}"
    raise ValueError(operator)


def some(source, most=2):
    return [pick(source) for _ in range(random.randint(1, most))]


def condition(message):
    """One condition and its SQL, without the operator that joins it to the next."""
    kinds = ["word", "id", "text", "contact", "label", "date", "custom", "flag"] + (["content", "content", "type"] if message else [])
    kind = pick(kinds)
    values, custom = [], None
    if kind == "word":
        key, words = pick([("status", STATUS), ("priority", PRIORITY)])
        operator, values = pick(EQUAL), some(list(words))
        sql = f"conversations.{key} " + operation(operator, [words[v] for v in values])
    elif kind == "id":
        key = pick(["assignee_id", "team_id", "inbox_id"])
        operator = pick(ID)
        values = [] if "present" in operator else some([1, 2, "1", "2", 5])
        sql = f"conversations.{key} " + operation(operator, values)
    elif kind == "text":
        key, operator = pick(["referer", "mail_subject"]), pick(SEARCH)
        values = some(SEARCHED if "contain" in operator else TEXTS)
        sql = f"conversations.additional_attributes ->> '{key}' " + operation(operator, values)
    elif kind == "contact":
        key, operator = pick([("name", pick(SEARCH)), ("email", pick(SEARCH)), ("phone_number", pick(SEARCH + ["starts_with"] * 3)), ("identifier", pick(EQUAL))])
        values = some(SEARCHED if operator not in EQUAL else TEXTS)
        sql = f"contacts.{key} " + operation(operator, values)
    elif kind == "label":
        key, operator = "labels", pick(ID)
        values = [] if "present" in operator else [pick(LABELS)]
        sql = {
            "equal_to": "tags.name = " + listed(values),
            "not_equal_to": "tags.name != " + listed(values),
            "is_present": "tags.id IS NOT NULL",
            "is_not_present": "tags.id IS NULL",
        }[operator]
    elif kind == "date":
        key, operator, values = "created_at", pick(["is_greater_than", "is_less_than"]), [pick(["2026-03-10", "2026-03-11", "1970-01-01"])]
        sql = f"conversations.created_at " + operation(operator, values)
    elif kind == "custom":
        key = pick(list(CUSTOM))
        column = CUSTOM[key]
        custom = pick(["conversation_attribute", "contact_attribute"])
        table = "conversations" if custom.startswith("conv") else "contacts"
        operator = pick({"text": SEARCH, "numeric": ["equal_to", "not_equal_to", "is_greater_than", "is_less_than"], "boolean": EQUAL}[column] + ["is_present", "is_not_present"])
        if "present" not in operator:
            values = {"text": some(SEARCHED if "contain" in operator else TEXTS), "numeric": [pick(["5", "10", 5, "7.5"])], "boolean": [pick(["true", "false", True])]}[column]
        left = f"{table}.custom_attributes ->> '{key}'"
        if "present" in operator:
            sql = f"({left}) " + operation(operator, values)
        elif column == "text":
            sql = f"LOWER({left})::text " + operation(operator, [v.lower() for v in values])
        else:
            sql = f"({left})::{column} " + operation(operator, [str(v).lower() for v in values])
        if operator == "not_equal_to":
            sql = f"({sql} OR ({left}) IS NULL)"
    elif kind == "flag":
        key, operator, values = "blocked", pick(EQUAL), [pick([True, False, "true", "false"])]
        sql = f"contacts.blocked " + operation(operator, values)
    elif kind == "content":
        key, operator = "content", pick(SEARCH)
        values = some(SEARCHED if "contain" in operator else TEXTS)
        sql = "LOWER(messages.processed_message_content) " + operation(operator, values if "contain" in operator else [v.lower() for v in values])
    else:
        key, operator, values = "message_type", pick(EQUAL), some(list(TYPES))
        sql = "messages.message_type " + operation(operator, [TYPES[v] for v in values])
    one = {"attribute_key": key, "filter_operator": operator, "values": values, "query_operator": None}
    if custom:
        one["custom_attribute_type"] = custom
    return one, sql


def maybe(value):
    return pick([None, value, value])


def custom_attributes():
    return {k: v for k, v in {"plan": maybe(pick(TEXTS)), "seats": maybe(pick([5, 7.5, "10", "5"])), "paid": pick([True, False, None])}.items() if random.random() < 0.8}


def case(number):
    message = random.random() < 0.6
    conditions, sql = [], ""
    count = random.randint(1, 4)
    for i in range(count):
        one, text = condition(message)
        joined = None if i == count - 1 else pick(["AND", "OR", "and", "or"])
        one["query_operator"] = joined
        conditions.append(one)
        sql += f" {text} {joined or ''} "
    status, priority, kind = pick(list(STATUS)), maybe(pick(list(PRIORITY))), pick(list(TYPES))
    assignee, team, inbox = maybe(pick([1, 2])), maybe(pick([1, 2])), pick([1, 2, 5])
    additional = {k: v for k, v in {"referer": maybe(pick(TEXTS)), "mail_subject": maybe(pick(TEXTS))}.items() if random.random() < 0.8}
    contact = {"id": 41, "name": maybe(pick(TEXTS)), "email": maybe(pick(TEXTS)), "phone_number": maybe("+5511900000001"), "identifier": maybe(pick(TEXTS)),
               "blocked": pick([True, False]), "additional_attributes": {}, "custom_attributes": custom_attributes()}
    labels = random.sample(LABELS, random.randint(0, 2))
    created = pick([1773149810, 1773187200, 1773187201])
    content = maybe(pick(TEXTS))
    conversation = {"id": 128, "inbox_id": inbox, "status": status, "priority": priority, "labels": labels, "additional_attributes": additional,
                    "custom_attributes": custom_attributes(), "created_at": created, "last_activity_at": created,
                    "meta": {"sender": contact, "assignee": assignee and {"id": assignee, "type": "user"}, "assignee_type": assignee and "User", "team": team and {"id": team, "name": "t"}}}
    raw = ({"event": "message_created", "id": 9001, "account": {"id": 3}, "content": content, "content_attributes": {}, "message_type": kind, "private": False, "conversation": conversation}
           if message else {**conversation, "event": "conversation_created", "account": {"id": 3}})
    rows = f"""
insert into conversations values ({number}, {STATUS[status]}, {quote(priority and PRIORITY[priority])}, {quote(assignee)}, {quote(team)}, {inbox}, {quote(json.dumps(additional))}, {quote(json.dumps(conversation['custom_attributes']))}, to_timestamp({created}) at time zone 'UTC');
insert into contacts values ({number}, {listed([contact[k] for k in ('name', 'email', 'phone_number', 'identifier')])}, {quote(contact['blocked'])}, {quote(json.dumps(contact['custom_attributes']))});
insert into messages values ({number}, {quote(content)}, {TYPES[kind]});
""" + "".join(f"insert into tags select {number}, id from (values {', '.join(f'({i}, {quote(l)})' for i, l in enumerate(LABELS))}) l(id, name) where name = {quote(label)};\n" for label in labels)
    query = f"""select 1 from conversations left join contacts on contacts.id = conversations.id left join messages on messages.id = conversations.id
left join tags taggings on taggings.id = conversations.id left join (values {', '.join(f'({i}, {quote(l)})' for i, l in enumerate(LABELS))}) tags(id, name) on tags.id = taggings.tag
where conversations.id = {number} and ({sql})"""
    return {"event_name": raw["event"], "conditions": conditions, "raw": raw}, rows, query


def main():
    script = """set client_min_messages = error; set standard_conforming_strings = on;
create temp table conversations (id int, status int, priority int, assignee_id int, team_id int, inbox_id int, additional_attributes jsonb, custom_attributes jsonb, created_at timestamp);
create temp table contacts (id int, name text, email text, phone_number text, identifier text, blocked bool, custom_attributes jsonb);
create temp table messages (id int, processed_message_content text, message_type int);
create temp table tags (id int, tag int);
create function pg_temp.matches(query text) returns bool language plpgsql as $f$
declare found_ bool; begin execute 'select exists(' || query || ')' into found_; return found_; exception when others then return false; end $f$;
"""
    cases = []
    for number in range(300):
        one, rows, query = case(number)
        cases.append(one)
        script += rows + f"select pg_temp.matches({quote(query)});\n"
    output = subprocess.run(["psql", sys.argv[1], "-qAtX", "-v", "ON_ERROR_STOP=1"], input=script, capture_output=True, text=True, check=True).stdout.split()
    assert len(output) == len(cases), (len(output), len(cases))
    for one, result in zip(cases, output):
        one["matches"] = result == "t"
    print("[\n" + ",\n".join(json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in cases) + "\n]")


main()
