"""The dialogue itself: bodies, codes and media types, for clients that are not tried here."""

import json
import urllib.error
import urllib.request

import pytest

from harness import PATIENCE_S

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


def test_what_is_at_no_path_is_told_in_the_same_dialogue(rest):
    assert rest("GET", "/") == (200, OWN, {})
    status, media_type, body = rest("GET", "/subjects/a/b/c")
    assert (status, media_type) == (404, OWN)
    assert body == {"error_code": 404, "message": "HTTP 404 Not Found"}
    status, media_type, body = rest("PATCH", "/subjects", Accept="application/json")
    assert (status, media_type) == (405, "application/json")
    assert body == {"error_code": 405, "message": "HTTP 405 Method Not Allowed"}


def test_there_is_only_the_default_context(rest, subject):
    status, _, body = rest("POST", f"/subjects/:.other:{subject}/versions", {"schema": '"int"'})
    assert (status, body["error_code"]) == (422, 42208) and "contexts are not supported" in body["message"]
    assert "contexts are not supported" in rest("GET", "/contexts/.other/subjects")[2]["message"]
    rest("POST", f"/subjects/{subject}/versions", {"schema": '"int"'})
    for prefix in (subject, f":*:{subject}", f":.:{subject}"):
        assert rest("GET", f"/subjects?subjectPrefix={prefix}")[2] == [subject]
        assert [one["subject"] for one in rest("GET", f"/schemas?subjectPrefix={prefix}")[2]] == [subject]
    assert subject in rest("GET", "/subjects?subjectPrefix=:*:")[2]


def test_in_a_read_only_subject_only_the_mode_may_be_changed(rest, subject):
    rest("POST", f"/subjects/{subject}/versions", {"schema": '"int"'})
    assert rest("PUT", f"/mode/{subject}", {"mode": "READONLY"})[0] == 200
    for method, path, body in [
        ("POST", f"/subjects/{subject}/versions", {"schema": '"long"'}),
        ("DELETE", f"/subjects/{subject}", None),
        ("DELETE", f"/subjects/{subject}/versions/1", None),
        ("PUT", f"/config/{subject}", {"compatibility": "NONE"}),
    ]:
        status, _, answer = rest(method, path, body)
        assert (status, answer["error_code"]) == (422, 42205), path
    assert rest("POST", f"/subjects/{subject}", {"schema": '"int"'})[0] == 200
    assert rest("DELETE", f"/mode/{subject}")[2] == {"mode": "READONLY"}
    assert rest("PUT", f"/config/{subject}", {"compatibility": "NONE"})[0] == 200


def test_a_schema_that_comes_with_the_id_it_has_is_there_already(rest, subject):
    path = f"/subjects/{subject}/versions"
    registered = rest("POST", path, {"schema": '"int"'})[2]
    assert rest("POST", path, {"schema": '"int"', "id": registered["id"]})[2] == registered
    assert rest("POST", path, {"schema": '"int"', "id": registered["id"] + 1})[2]["error_code"] == 42205
    assert rest("PUT", f"/mode/{subject}", {"mode": "IMPORT"})[2]["error_code"] == 42205
    assert rest("PUT", f"/mode/{subject}?force=true", {"mode": "IMPORT"})[0] == 200
    assert rest("POST", path, {"schema": '"string"'})[2]["error_code"] == 42205


def test_deleting_a_version_goes_in_two_steps_with_a_code_for_each_misstep(rest, subject):
    path = f"/subjects/{subject}/versions"
    schema_id = rest("POST", path, {"schema": '"int"'})[2]["id"]
    rest("PUT", f"/config/{subject}", {"compatibility": "NONE"})
    rest("POST", path, {"schema": '"string"'})
    assert rest("DELETE", f"{path}/9")[2]["error_code"] == 40402
    assert rest("DELETE", f"{path}/0")[2]["error_code"] == 42202
    assert rest("DELETE", f"{path}/1?permanent=true")[2]["error_code"] == 40407
    assert rest("DELETE", f"{path}/1")[2] == 1
    assert rest("DELETE", f"{path}/1")[2]["error_code"] == 40406
    assert rest("GET", f"{path}/1")[2]["error_code"] == 40402
    assert rest("GET", f"{path}/1?deleted=true")[2]["id"] == schema_id
    assert rest("GET", f"{path}?deleted=true")[2] == [1, 2]
    assert rest("GET", f"{path}?deletedOnly=true")[2] == [1]
    assert subject not in rest("GET", f"/schemas/ids/{schema_id}/subjects")[2]
    assert subject in rest("GET", f"/schemas/ids/{schema_id}/subjects?deleted=true")[2]
    assert {"subject": subject, "version": 1} in rest("GET", f"/schemas/ids/{schema_id}/versions?deleted=true")[2]
    listed = rest("GET", f"/schemas?subjectPrefix={subject}&deleted=true")[2]
    assert [one["version"] for one in listed] == [1, 2]
    assert [one["version"] for one in rest("GET", f"/schemas?subjectPrefix={subject}&latestOnly=true")[2]] == [2]
    assert rest("DELETE", f"{path}/1?permanent=true")[2] == 1
    assert rest("DELETE", f"/subjects/{subject}?permanent=true")[2]["error_code"] == 40405
    assert rest("DELETE", f"/subjects/{subject}")[2] == [2]
    assert rest("DELETE", f"/subjects/{subject}")[2]["error_code"] == 40404
    assert rest("GET", f"/config/{subject}")[2]["error_code"] == 40408
    assert rest("DELETE", f"/subjects/{subject}?permanent=true")[2] == [2]
    assert rest("DELETE", f"/subjects/{subject}")[2]["error_code"] == 40401


def test_a_protobuf_schema_is_given_back_with_what_it_refers_to(rest, subject):
    def schema(text, *references):
        return {"schemaType": "PROTOBUF", "schema": text, "references": list(references)}

    base = schema('syntax = "proto3"; package b; message B { int32 x = 1; }')
    rest("POST", f"/subjects/{subject}-base/versions", base)
    reference = {"name": "b.proto", "subject": f"{subject}-base", "version": 1}
    text = (
        'syntax = "proto3"; import "b.proto"; import "confluent/type/decimal.proto"; message A { b.B b = 2; '
        'confluent.type.Decimal d = 1 [(confluent.field_meta).params = {key: "scale", value: "2"}]; }'
    )
    schema_id = rest("POST", f"/subjects/{subject}/versions", schema(text, reference))[2]["id"]
    found = rest("GET", f"/schemas/ids/{schema_id}")[2]
    assert found["references"] == [reference]
    assert "  b.B b = 2;\n  confluent.type.Decimal d = 1" in found["schema"]
    assert 'value: "2",\n        key: "scale"' in found["schema"]
    assert rest("GET", f"/subjects/{subject}-base/versions/1/referencedby")[2] == [schema_id]
    spaced = text.replace("; ", ";\n\n  // a comment\n")
    assert rest("POST", f"/subjects/{subject}", schema(spaced, reference))[2]["id"] == schema_id
    sorted_fields = schema(text.replace("b.B b = 2; ", "").replace("}]; }", "}]; .b.B b = 2; }"), reference)
    assert rest("POST", f"/subjects/{subject}", sorted_fields)[2]["error_code"] == 40403
    normalized = rest("POST", f"/subjects/{subject}-n/versions?normalize=true", schema(text, reference))[2]
    assert rest("POST", f"/subjects/{subject}-n?normalize=true", sorted_fields)[2]["id"] == normalized["id"]
    serialized = rest("GET", f"/schemas/ids/{schema_id}?format=serialized")[2]["schema"]
    back = rest("POST", f"/subjects/{subject}-n?normalize=true", schema(serialized, reference))[2]
    assert back["id"] == normalized["id"]


def test_a_schema_is_given_back_in_the_form_that_is_asked_for(rest, subject):
    base = '{"type":"record","name":"B","namespace":"n","fields":[]}'
    rest("POST", f"/subjects/{subject}-base/versions", {"schema": base})
    reference = {"name": "n.B", "subject": f"{subject}-base", "version": 1}
    avro = '{"type":"record","name":"A","fields":[{"name":"b","type":"n.B"}]}'
    registered = {"schema": avro, "references": [reference]}
    schema_id = rest("POST", f"/subjects/{subject}/versions", registered)[2]["id"]
    resolved = avro.replace('"n.B"', base)
    path = f"/subjects/{subject}/versions/1"
    for place in (f"/schemas/ids/{schema_id}", path):
        assert rest("GET", f"{place}?format=resolved")[2]["schema"] == resolved
        assert rest("GET", f"{place}/schema?format=resolved")[2] == json.loads(resolved)
        # What a kind of schema has no such form of is given as it is kept.
        for other in ("", "serialized", "ignore_extensions", "nothing"):
            assert rest("GET", f"{place}?format={other}")[2]["schema"] == avro
    protobuf = (
        'syntax = "proto3"; import "confluent/meta.proto"; '
        'message M { option (confluent.message_meta).doc = "m"; int32 a = 1 [deprecated = true]; }'
    )
    rest("POST", f"/subjects/{subject}-p/versions", {"schemaType": "PROTOBUF", "schema": protobuf})
    path = f"/subjects/{subject}-p/versions/1"
    plain = rest("GET", f"{path}?format=ignore_extensions")[2]["schema"]
    assert "confluent.message_meta" in rest("GET", path)[2]["schema"]
    assert "confluent.message_meta" not in plain and "[deprecated = true]" in plain


def test_the_registry_says_which_it_is(rest):
    answer = rest("GET", "/v1/metadata/id")[2]
    assert answer["id"] and answer["scope"]["clusters"]["kafka-cluster"] == answer["id"]
    assert rest("GET", "/v1/metadata/version")[2]["version"]


def test_what_is_wrong_with_a_protobuf_schema_is_told_with_its_place(rest, subject):
    def refused(text):
        body = {"schemaType": "PROTOBUF", "schema": text}
        status, _, answer = rest("POST", f"/subjects/{subject}/versions", body)
        assert (status, answer["error_code"]) == (422, 42201)
        return answer["message"]

    assert "(line 2, column 13)" in refused('syntax = "proto3";\nmessage A { int31 a = 1; }')
    assert "no reference of that name" in refused('syntax = "proto3"; import "other.proto"; message A {}')
    assert "nested" in refused("message A {" * 50_000)
    deep = "{ m: " * 50_000 + "{}" + " }" * 50_000
    assert "nested" in refused(f"option (x) = {deep};")


def test_what_a_web_page_could_send_is_refused(shared_server, rest, subject):
    path, schema = f"/subjects/{subject}/versions", {"schema": '"int"'}
    for media_type in ("text/plain", "application/x-www-form-urlencoded"):
        status, _, body = rest("POST", path, schema, Content_Type=media_type)
        assert (status, body["error_code"]) == (415, 415)
    for headers in ({"Origin": "http://evil.example"}, {"Host": "evil.example"}):
        request = urllib.request.Request(
            f"http://127.0.0.1:{shared_server.ports['http']}{path}",
            data=json.dumps(schema).encode(),
            headers={"Content-Type": "application/json", **headers},
        )
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(request, timeout=PATIENCE_S)
        assert error.value.code == 403
    assert rest("GET", path)[2]["error_code"] == 40401
    assert rest("POST", path, schema, Content_Type="application/json; charset=utf-8")[0] == 200
