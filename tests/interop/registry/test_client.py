"""The calls of confluent-kafka's registry client."""

import json

import pytest
from clients import client_of, rest_of
from confluent_kafka.schema_registry import (
    ConfigCompatibilityLevel,
    Schema,
    SchemaReference,
    SchemaRegistryError,
    ServerConfig,
)


def record(*fields):
    """An Avro record whose fields have defaults."""
    fields = [{"name": name, "type": "int", "default": 0} for name in fields]
    return Schema(json.dumps({"type": "record", "name": "R", "fields": fields}), "AVRO")


def codes(error):
    return error.value.http_status_code, error.value.error_code


def test_a_schema_has_one_id_and_is_found_in_every_way(client, subject):
    schema = record("a")
    schema_id = client.register_schema(subject, schema)
    assert client.register_schema(subject + "-2", schema) == schema_id
    assert json.loads(client.get_schema(schema_id).schema_str) == json.loads(schema.schema_str)
    found = client.lookup_schema(subject, schema)
    assert (found.subject, found.version, found.schema_id) == (subject, 1, schema_id)
    assert client.get_latest_version(subject).schema_id == schema_id
    assert client.get_version(subject, 1).schema_id == schema_id
    assert client.get_versions(subject) == [1]
    assert {subject, subject + "-2"} <= set(client.get_subjects())
    assert client.get_subjects(subject_prefix=subject) == [subject, subject + "-2"]
    assert client.get_subjects(subject_prefix=subject, offset=1, limit=1) == [subject + "-2"]
    assert client.get_subjects_by_schema_id(schema_id, subject_name=subject) == [subject]
    versions = client.get_schema_versions(schema_id)
    assert (subject, 1) in [(version.subject, version.version) for version in versions]
    assert sorted(client.get_schema_types()) == ["AVRO", "JSON", "PROTOBUF"]
    assert client.get_contexts() == ["."]


def test_what_is_not_there_is_told_by_its_code(client, subject):
    with pytest.raises(SchemaRegistryError) as error:
        client.get_latest_version(subject)
    assert codes(error) == (404, 40401)
    with pytest.raises(SchemaRegistryError) as error:
        client.get_schema(2_000_000_000)
    assert codes(error) == (404, 40403)
    client.register_schema(subject, record("a"))
    with pytest.raises(SchemaRegistryError) as error:
        client.get_version(subject, 9)
    assert codes(error) == (404, 40402)
    with pytest.raises(SchemaRegistryError) as error:
        client.get_version(subject, "newest")
    assert codes(error) == (422, 42202)
    with pytest.raises(SchemaRegistryError) as error:
        client.lookup_schema(subject, record("b"))
    assert codes(error) == (404, 40403)
    with pytest.raises(SchemaRegistryError) as error:
        client.register_schema(subject, Schema('{"type": "nothing"}', "AVRO"))
    assert codes(error) == (422, 42201)
    assert "'nothing' is not defined" in error.value.error_message


def test_deleting_goes_in_two_steps(client, subject):
    first, second = record("a"), record("a", "b")
    first_id = client.register_schema(subject, first)
    client.register_schema(subject, second)
    with pytest.raises(SchemaRegistryError) as error:
        client.delete_version(subject, 1, permanent=True)
    assert codes(error) == (404, 40407)
    assert client.delete_version(subject, 1) == 1
    assert client.get_versions(subject) == [2]
    assert client.get_versions(subject, deleted=True) == [1, 2]
    client.clear_caches()
    assert json.loads(client.get_schema(first_id).schema_str) == json.loads(first.schema_str)
    with pytest.raises(SchemaRegistryError) as error:
        client.delete_version(subject, 1)
    assert codes(error) == (404, 40406)
    assert client.delete_subject(subject) == [2]
    assert subject not in client.get_subjects()
    assert subject in client.get_subjects(deleted=True)
    assert client.register_schema(subject, first) == first_id
    assert client.delete_subject(subject) == [3]
    assert client.delete_subject(subject, permanent=True) == [1, 2, 3]
    assert subject not in client.get_subjects(deleted=True)


def test_a_schema_that_others_build_on_stays(client, subject):
    base, user = subject + "-base", subject + "-user"
    client.register_schema(base, Schema('{"type": "enum", "name": "n.E", "symbols": ["A"]}', "AVRO"))
    references = [SchemaReference("n.E", base, 1)]
    schema = Schema('{"type": "array", "items": "n.E"}', "AVRO", references)
    schema_id = client.register_schema(user, schema)
    assert client.get_latest_version(user).schema.references == references
    assert client.get_referenced_by(base, 1) == [schema_id]
    with pytest.raises(SchemaRegistryError) as error:
        client.delete_subject(base)
    assert codes(error) == (422, 42206)


def test_levels_are_set_and_reset_for_a_subject(client, subject):
    with pytest.raises(SchemaRegistryError) as error:
        client.get_compatibility(subject)
    assert codes(error) == (404, 40408)
    assert client.get_compatibility() == "BACKWARD"
    assert client.set_compatibility(subject, "FULL") == {"compatibility": "FULL"}
    assert client.get_compatibility(subject) == "FULL"
    level = ConfigCompatibilityLevel.NONE
    assert client.set_config(subject, ServerConfig(compatibility=level)) == {"compatibility": "NONE"}
    assert client.get_config(subject).compatibility_level == level
    assert client.delete_config(subject).compatibility_level == level
    with pytest.raises(SchemaRegistryError) as error:
        client.set_compatibility(subject, "SOMEHOW")
    assert codes(error) == (422, 42203)


def test_modes_are_set_and_reset_for_a_subject(client, subject):
    assert client.get_global_mode() == "READWRITE"
    with pytest.raises(SchemaRegistryError) as error:
        client.get_mode(subject)
    assert codes(error) == (404, 40409)
    client.update_mode(subject, "READONLY")
    assert client.get_mode(subject) == "READONLY"
    with pytest.raises(SchemaRegistryError) as error:
        client.register_schema(subject, record("a"))
    assert codes(error) == (422, 42205)
    assert client.delete_mode(subject) == "READONLY"
    client.register_schema(subject, record("a"))
    with pytest.raises(SchemaRegistryError) as error:
        client.update_mode(subject, "SOMETIMES")
    assert codes(error) == (422, 42204)


def test_compatibility_is_told_before_registering(client, subject):
    old = Schema('{"type": "record", "name": "R", "fields": []}', "AVRO")
    new = Schema('{"type": "record", "name": "R", "fields": [{"name": "x", "type": "int"}]}', "AVRO")
    assert client.test_compatibility(subject, new)
    client.register_schema(subject, old)
    assert not client.test_compatibility(subject, new)
    assert not client.test_compatibility(subject, new, version=1)
    assert not client.test_compatibility_all_versions(subject, new)
    assert client.test_compatibility(subject, record("x"))
    with pytest.raises(SchemaRegistryError) as error:
        client.register_schema(subject, new)
    assert codes(error) == (409, 409)
    assert "READER_FIELD_MISSING_DEFAULT_VALUE" in error.value.error_message
    client.set_compatibility(subject, "FORWARD")
    client.register_schema(subject, new)


def test_normalizing_finds_what_is_written_in_another_order(client, subject):
    left = Schema('{"type": "object", "title": "x"}', "JSON")
    right = Schema('{"title": "x", "type": "object"}', "JSON")
    schema_id = client.register_schema(subject, left, normalize_schemas=True)
    assert client.lookup_schema(subject, right, normalize_schemas=True).schema_id == schema_id
    with pytest.raises(SchemaRegistryError) as error:
        client.lookup_schema(subject, left)
    assert codes(error) == (404, 40403)


def test_ids_and_all_else_survive_a_kill(server):
    client = client_of(server)
    ids = [client.register_schema(f"s{number}", record(f"f{number}")) for number in range(5)]
    assert ids == sorted(set(ids))
    client.set_compatibility("s0", "FULL_TRANSITIVE")
    client.delete_subject("s1")
    server.kill()
    server.start()
    client = client_of(server)
    assert [client.get_latest_version(f"s{number}").schema_id for number in (0, 2, 3, 4)] == [ids[0], *ids[2:]]
    assert json.loads(client.get_schema(ids[1]).schema_str)["fields"][0]["name"] == "f1"
    assert client.get_subjects() == ["s0", "s2", "s3", "s4"]
    assert client.get_compatibility("s0") == "FULL_TRANSITIVE"
    assert client.register_schema("s9", record("f3")) == ids[3]
    assert client.register_schema("s9", record("f3", "f9")) == max(ids) + 1


def test_schemas_are_imported_with_the_ids_they_have_elsewhere(server):
    client = client_of(server)
    client.update_global_mode("IMPORT")
    body = {"schema": '"int"', "id": 700, "version": 4}
    assert rest_of(server)("POST", "/subjects/s/versions", body)[2] == {"id": 700, "version": 4}
    client.update_global_mode("READWRITE")
    assert client.get_latest_version("s").version == 4
    assert client.register_schema("t", Schema('"long"', "AVRO")) == 701
    assert client.set_compatibility(level="NONE") == {"compatibility": "NONE"}
    assert client.get_compatibility() == "NONE"
