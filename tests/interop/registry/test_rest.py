"""The dialogue itself: bodies, codes and media types, for clients that are not tried here."""

import json

OWN = "application/vnd.schemaregistry.v1+json"


def test_answers_are_of_the_type_that_is_asked_for(rest, subject):
    assert rest("GET", "/subjects")[:2] == (200, OWN)
    assert rest("GET", "/subjects", Accept="application/json")[:2] == (200, "application/json")
    both = "application/vnd.schemaregistry.v1+json, application/vnd.schemaregistry+json, application/json"
    assert rest("GET", "/subjects", Accept=both)[:2] == (200, OWN)
    status, media_type, body = rest("GET", f"/subjects/{subject}/versions", Accept="application/json")
    assert (status, media_type) == (404, "application/json")
    assert body == {"error_code": 40401, "message": f"Subject '{subject}' not found."}


def test_bodies_have_the_members_clients_know(rest, subject):
    schema = {"schema": '{"type": "string"}'}
    status, _, body = rest("POST", f"/subjects/{subject}/versions", schema, Content_Type=OWN)
    assert status == 200 and body["version"] == 1
    schema_id = body["id"]
    # A schema that does not say its type is of Avro, in questions and in answers.
    expected = {"subject": subject, "version": 1, "id": schema_id, "schema": '"string"'}
    assert rest("GET", f"/subjects/{subject}/versions/latest")[2] == expected
    assert rest("GET", f"/subjects/{subject}/versions/-1")[2] == expected
    assert rest("POST", f"/subjects/{subject}", schema)[2] == expected
    assert rest("GET", f"/schemas/ids/{schema_id}")[2] == {"schema": '"string"'}
    assert rest("GET", f"/schemas/ids/{schema_id}/schema")[2] == "string"
    assert rest("GET", f"/subjects/{subject}/versions/1/schema")[2] == "string"
    assert rest("GET", f"/schemas?subjectPrefix={subject}")[2] == [expected]
    assert rest("GET", f"/schemas/ids/{schema_id}?fetchMaxId=true")[2]["maxId"] >= schema_id
    text = {"schema": "{}", "schemaType": "JSON", "references": []}
    status, _, body = rest("POST", f"/subjects/{subject}-json/versions", text)
    assert rest("GET", f"/schemas/ids/{body['id']}")[2] == {"schemaType": "JSON", "schema": "{}"}
    assert rest("GET", f"/config/{subject}?defaultToGlobal=true")[2] == {"compatibilityLevel": "BACKWARD"}
    assert rest("GET", f"/mode/{subject}?defaultToGlobal=true")[2] == {"mode": "READWRITE"}


def test_normalizing_may_be_set_for_a_subject(rest, subject):
    assert rest("PUT", f"/config/{subject}", {"normalize": True})[2] == {"normalize": True}
    assert rest("GET", f"/config/{subject}")[2] == {"normalize": True}
    schema = {"schemaType": "JSON", "schema": '{"type": "object", "title": "x"}'}
    rest("POST", f"/subjects/{subject}/versions", schema)
    assert rest("GET", f"/subjects/{subject}/versions/1/schema")[2] == {"title": "x", "type": "object"}


def test_a_subject_may_have_any_name(rest, subject):
    name = f"{subject}/ä ?"
    path = f"/subjects/{subject}%2F%C3%A4%20%3F/versions"
    assert rest("POST", path, {"schema": '"int"'})[0] == 200
    assert rest("GET", f"{path}/1")[2]["subject"] == name


def test_verbose_tells_what_is_in_the_way(rest, subject):
    old = {"schemaType": "PROTOBUF", "schema": 'syntax = "proto3"; message A { int32 x = 1; }'}
    new = {"schemaType": "PROTOBUF", "schema": 'syntax = "proto3"; message A { string x = 1; }'}
    rest("POST", f"/subjects/{subject}/versions", old)
    path = f"/compatibility/subjects/{subject}/versions"
    assert rest("POST", path, new)[2] == {"is_compatible": False}
    assert rest("POST", f"{path}/latest?verbose=true", old)[2] == {"is_compatible": True, "messages": []}
    body = rest("POST", f"{path}/1?verbose=true", new)[2]
    assert body["is_compatible"] is False
    assert "FIELD_SCALAR_KIND_CHANGED" in body["messages"][0] and "#/A/1" in body["messages"][0]
    assert body["messages"][1:] == ["{oldSchemaVersion: 1}", "{compatibility: 'BACKWARD'}"]
    assert rest("POST", f"{path}/7", new)[2]["error_code"] == 40402


def test_what_is_no_request_is_told_so(rest, subject):
    path = f"/subjects/{subject}/versions"
    assert rest("POST", path, b"{")[0] == 400
    assert rest("POST", path, {"schema": 3})[0] == 422
    assert rest("POST", path, {})[2]["error_code"] == 42201
    assert rest("POST", path, {"schema": "{}", "schemaType": "XML"})[2]["error_code"] == 42201
    assert rest("POST", path, {"schema": '"int"', "ruleSet": {"domainRules": [{"name": "x"}]}})[0] == 422
    assert rest("POST", path, {"schema": '"int"', "id": 5})[2]["error_code"] == 42205
    assert rest("POST", "/subjects/__GLOBAL/versions", {"schema": '"int"'})[2]["error_code"] == 42208
    large = {"schema": json.dumps("x" * (1 << 20))}
    assert rest("POST", path, large)[2]["error_code"] == 42209
    missing = [{"name": "n.E", "subject": "nobody", "version": 1}]
    assert rest("POST", path, {"schema": '"n.E"', "references": missing})[2]["error_code"] == 42201
    assert rest("GET", path)[2]["error_code"] == 40401
    assert rest("GET", "/schemas/ids/x")[2]["error_code"] == 404
