//! Queries as clients send them, on a made-up snapshot.

use arrow::array::RecordBatch;
use arrow::datatypes::DataType;
use datafusion::scalar::ScalarValue;
use futures::TryStreamExt;

use super::{CatalogQuery, SystemCatalog, example};
use crate::error::{ErrorKind, Result};
use crate::session_harness::lines;

/// Column names, then rows, each as `a|b|c`; null is `∅`.
async fn answer_with(text: &str, parameters: &[ScalarValue]) -> Result<Vec<String>> {
    let query = CatalogQuery::read(text).unwrap_or_else(|| panic!("not recognised: {text}"));
    let catalog = SystemCatalog::new(example::snapshot())?;
    let rows = catalog.execute(&query, parameters).await?;
    let names: Vec<String> = rows.schema.fields().iter().map(|field| field.name().clone()).collect();
    let batches: Vec<RecordBatch> = rows.stream.try_collect().await?;
    Ok(std::iter::once(names.join("|")).chain(batches.iter().flat_map(lines)).collect())
}

async fn answer(text: &str) -> Vec<String> {
    answer_with(text, &[]).await.unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[tokio::test]
async fn relations_are_listed_as_tables_of_the_schema_public() {
    let rows = answer(
        "SELECT n.nspname AS \"Schema\", c.relname, CASE c.relkind WHEN 'r' THEN 'table' END AS \"Type\",
                pg_catalog.pg_get_userbyid(c.relowner) AS \"Owner\", am.amname
         FROM pg_catalog.pg_class c
              LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
              LEFT JOIN pg_catalog.pg_am am ON am.oid = c.relam
         WHERE c.relkind IN ('r', 'p', '') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
           AND pg_catalog.pg_table_is_visible(c.oid)
         ORDER BY 1, 2",
    )
    .await;
    assert_eq!(
        rows,
        [
            "Schema|relname|Type|Owner|amname",
            "public|orders|table|ada|stream",
            "public|users|table|ada|table"
        ]
    );
}

#[tokio::test]
async fn a_name_is_looked_up_with_postgres_operators() {
    let rows = answer(
        "SELECT oid FROM pg_class WHERE relname OPERATOR(pg_catalog.~) '^(users)$' COLLATE pg_catalog.default",
    )
    .await;
    assert_eq!(rows, ["oid", "16385"]);
}

#[tokio::test]
async fn columns_have_sql_types_and_scalar_subqueries_are_evaluated_for_each() {
    let rows = answer(
        "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod),
                (SELECT pg_catalog.pg_get_expr(d.adbin, d.adrelid) FROM pg_catalog.pg_attrdef d
                 WHERE d.adrelid = a.attrelid AND d.adnum = a.attnum AND a.atthasdef),
                (SELECT t.typname FROM pg_type t WHERE t.oid = a.atttypid AND t.typlen <> a.attnum) AS type_name,
                a.attnotnull
         FROM pg_catalog.pg_attribute a
         WHERE a.attrelid = '16384' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
    )
    .await;
    assert_eq!(
        rows,
        [
            "attname|format_type|pg_get_expr|type_name|attnotnull",
            "id|bigint|∅|int8|false",
            "customer|text|∅|text|false",
            "amount|numeric(10,2)|∅|numeric|false",
            "placed_at|timestamp without time zone|∅|timestamp|false",
            "tags|text[]|∅|_text|false",
        ]
    );
}

#[tokio::test]
async fn a_tables_key_is_a_primary_key() {
    let rows = answer(
        "SELECT c2.relname, i.indisprimary, pg_get_indexdef(i.indexrelid, 0, true),
                pg_get_constraintdef(con.oid, true), contype
         FROM pg_class c, pg_class c2, pg_index i
              LEFT JOIN pg_constraint con ON (conrelid = i.indrelid AND conindid = i.indexrelid AND contype IN ('p'))
         WHERE c.oid = '16385' AND c.oid = i.indrelid AND i.indexrelid = c2.oid
         ORDER BY i.indisprimary DESC, c2.relname",
    )
    .await;
    assert_eq!(
        rows[1],
        "users_pkey|true|CREATE UNIQUE INDEX users_pkey ON public.users USING key (region, id)|PRIMARY KEY (region, id)|p"
    );
    let nullable =
        answer("SELECT column_name FROM information_schema.columns WHERE is_nullable = 'NO'").await;
    assert_eq!(nullable, ["column_name", "region", "id"]);
}

#[tokio::test]
async fn names_and_numbers_are_cast_into_each_other() {
    assert_eq!(answer("SELECT 'orders'::regclass::oid").await[1], "16384");
    assert_eq!(answer("SELECT 16384::regclass").await, ["regclass", "orders"]);
    assert_eq!(
        answer("SELECT oid::regtype::text FROM pg_type WHERE oid = 'int4'::regtype").await[1],
        "integer"
    );
    assert_eq!(answer("SELECT conrelid::regclass AS t FROM pg_constraint").await, ["t", "users"]);
    assert_eq!(answer("SELECT 'public'::regnamespace::oid").await[1], "2200");
    let error = answer_with("SELECT 'nowhere'::regclass", &[]).await.expect_err("does not exist");
    assert_eq!(
        (error.kind, error.message.as_str()),
        (ErrorKind::NotFound, "relation \"nowhere\" does not exist")
    );
}

#[tokio::test]
async fn subqueries_give_arrays_and_truths() {
    let rows = answer(
        "SELECT c.relname,
                array_to_string(ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid ORDER BY attnum), ','),
                EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid) AS indexed,
                ARRAY(SELECT polname FROM pg_policy WHERE polrelid = c.oid)
         FROM pg_class c WHERE relnamespace = 2200 AND relkind = 'r' ORDER BY 1",
    )
    .await;
    assert_eq!(
        rows,
        [
            "relname|array_to_string|indexed|array",
            "orders|id,customer,amount,placed_at,tags|false|[]",
            "users|region,id,address,scores|true|[]",
        ]
    );
}

#[tokio::test]
async fn a_subquery_in_a_subquery_sees_both_queries_around_it() {
    let rows = answer(
        "SELECT c.relname, (SELECT min(a.attname) FROM pg_attribute a WHERE a.attrelid = c.oid
                              AND EXISTS (SELECT 1 FROM pg_type t WHERE t.oid = a.atttypid AND t.typname = 'text'
                                            AND c.relkind = 'r')) AS first_text
         FROM pg_class c WHERE c.relnamespace = 2200 AND c.relkind = 'r' ORDER BY 1",
    )
    .await;
    assert_eq!(rows[1..], ["orders|customer".to_owned(), "users|region".to_owned()]);
}

#[tokio::test]
async fn arrays_are_searched_and_unnested() {
    let key = answer(
        "SELECT a.attname FROM pg_attribute a JOIN pg_index i ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
         ORDER BY a.attnum",
    )
    .await;
    assert_eq!(key, ["attname", "region", "id"]);
    assert_eq!(answer("SELECT relname FROM pg_class WHERE oid = ANY ('{16384}')").await[1], "orders");
    let unnested = answer(
        "SELECT array_to_string(ARRAY(SELECT 'x' || k FROM pg_catalog.unnest(i.indkey) k), ',') FROM pg_index i",
    )
    .await;
    assert_eq!(unnested[1], "x1,x2");
    assert_eq!(
        answer("SELECT s FROM pg_catalog.generate_series(1, 3) s, pg_am WHERE amname = 'key'").await.len(),
        4
    );
}

#[tokio::test]
async fn columns_without_alias_have_postgres_names_even_twice() {
    let rows = answer(
        "SELECT 1, NULL, NULL, version() IS NOT NULL, current_database(), oid::text FROM pg_am LIMIT 0",
    )
    .await;
    assert_eq!(rows, ["?column?|?column?|?column?|?column?|current_database|oid"]);
}

#[tokio::test]
async fn the_server_and_the_session_describe_themselves() {
    assert!(answer("SELECT version()").await[1].starts_with("PostgreSQL 15"));
    let rows = answer("SELECT current_user, current_schema(), current_setting('JIT'), pg_backend_pid(), current_schemas(true)").await;
    assert_eq!(rows[1], "ada|public|off|42|[pg_catalog, public]");
    assert!(answer_with("SELECT current_setting('none')", &[]).await.is_err());
    assert_eq!(answer("SELECT current_setting('none', true)").await[1], "∅");
}

#[tokio::test]
async fn the_clock_stands_beside_what_the_server_tells_of_itself() {
    let rows = answer(
        "SELECT version() IS NULL, current_timestamp = now(), current_date = current_timestamp::date,
                current_time IS NULL, localtimestamp = statement_timestamp(), localtime IS NULL,
                (SELECT now() = current_timestamp FROM pg_am WHERE amname = 'key')",
    )
    .await;
    assert_eq!(rows[1], "false|true|true|false|true|false|true");
    assert_eq!(
        answer("SELECT current_user, current_timestamp, now() LIMIT 0").await,
        ["current_user|current_timestamp|now"]
    );
}

#[tokio::test]
async fn functions_of_the_dialect_are_listed() {
    let rows = answer(
        "SELECT p.proname, pg_get_function_result(p.oid), pg_get_function_arguments(p.oid), p.prokind,
                obj_description(p.oid, 'pg_proc')
         FROM pg_proc p WHERE p.pronamespace = 2200 AND pg_function_is_visible(p.oid) ORDER BY 1",
    )
    .await;
    assert_eq!(
        rows[1..],
        [
            "topk|anyarray|value anyelement, k integer|a|∅".to_owned(),
            "ucase|text|value text|f|upper-case letters".to_owned()
        ]
    );
}

#[tokio::test]
async fn hidden_columns_tell_a_rows_table() {
    let rows = answer(
        "SELECT d.description FROM pg_class c JOIN pg_description d ON d.classoid = c.tableoid AND d.objoid = c.oid
           AND d.objsubid = 0",
    )
    .await;
    assert_eq!(rows[1], "stream over topic 'orders'");
}

#[tokio::test]
async fn parameters_take_their_type_from_where_they_stand() {
    let text = "SELECT relname FROM pg_class WHERE oid = ANY ($1::oid[]) AND relkind = $2 ORDER BY 1";
    let query = CatalogQuery::read(text).expect("concerns");
    let catalog = SystemCatalog::new(example::snapshot()).expect("is made");
    let (types, schema) = catalog.prepare(&query, &[]).expect("is prepared");
    assert_eq!(types, [Some(DataType::new_list(DataType::UInt32, true)), Some(DataType::Utf8)]);
    assert_eq!(schema.field(0).name(), "relname");
    let oids = ScalarValue::List(ScalarValue::new_list_nullable(
        &[ScalarValue::UInt32(Some(16_384)), ScalarValue::UInt32(Some(16_385))],
        &DataType::UInt32,
    ));
    let rows = answer_with(text, &[oids, ScalarValue::from("r")]).await.expect("runs");
    assert_eq!(rows, ["relname", "orders", "users"]);
}

#[tokio::test]
async fn keys_are_found_as_drivers_look_for_them() {
    let rows = answer(
        "SELECT r.column_name, r.position FROM (
           SELECT a.attname AS column_name, (information_schema._pg_expandarray(i.indkey)).n AS position,
                  information_schema._pg_expandarray(i.indkey) AS keys, a.attnum AS number
           FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_index i ON a.attrelid = i.indrelid) r
         WHERE r.number = (r.keys).x ORDER BY 2",
    )
    .await;
    assert_eq!(rows[1..], ["region|1".to_owned(), "id|2".to_owned()]);
    let rows =
        answer("SELECT unnest(conkey) AS k, generate_subscripts(conkey, 1) AS o FROM pg_constraint").await;
    assert_eq!(rows, ["k|o", "1|1", "2|2"]);
}

#[tokio::test]
async fn arrays_are_told_by_the_function_that_reads_them() {
    let query = "SELECT t.typname FROM pg_type t JOIN pg_proc p ON p.oid = t.typreceive
                 WHERE p.proname = 'array_recv' AND t.typelem = 23";
    assert_eq!(answer(query).await[1], "_int4");
    let query =
        "SELECT typinput = 'pg_catalog.array_in'::regproc AS is_array FROM pg_type WHERE typname = '_int4'";
    assert_eq!(answer(query).await, ["is_array", "true"]);
}

#[tokio::test]
async fn a_column_may_be_selected_beside_all() {
    let rows = answer("SELECT n.nspname, n.* FROM pg_namespace n ORDER BY nspname LIMIT 1").await;
    assert_eq!(rows[0], "nspname|oid|nspname|nspowner|nspacl");
}

#[tokio::test]
async fn unknown_columns_tables_and_functions_are_told_apart() {
    let kind = |text: &'static str| async move { answer_with(text, &[]).await.expect_err("is wrong").kind };
    assert_eq!(kind("SELECT nothing FROM pg_class").await, ErrorKind::UnknownColumn);
    assert_eq!(kind("SELECT 1 FROM pg_catalog.pg_nothing").await, ErrorKind::NotFound);
    assert_eq!(kind("SELECT pg_nothing() FROM pg_class").await, ErrorKind::UnknownFunction);
}
