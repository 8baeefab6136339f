//! The published JSON Schema (draft 2020-12) of a [`Document`], and the schemas that cannot be derived.
//!
//! A step is one object: its `do`, its name, its `next` and the fields of its kind. The derive would write that as `allOf`, which
//! nothing can satisfy where each part refuses what is in the others.

use std::borrow::Cow;

use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, OneOfBuilder, Ref, RefOr, Schema,
        schema::{AdditionalProperties, Type},
    },
};

use common::PromptId;

use crate::document::{
    BargeIn, Bot, Branch, Collect, Converse, Document, HangUp, Http, LeaveMessage, Listen, Menu, OptOut,
    Play, Record, Say, Set, Speech, Step, Transfer, Wait, Webhook,
};
use crate::program::compile::SENTENCE_MAX;

/// The JSON Schema by which editors and other programs judge a script. What only [`Program::new`](crate::Program::new) can
/// know, such as whether every step can be reached, is not in it.
pub fn json_schema() -> Value {
    let mut schemas = vec![(Document::name().into_owned(), Document::schema())];
    Document::schemas(&mut schemas);
    let mut definitions = serde_json::Map::new();
    for (name, schema) in schemas {
        let mut schema = serde_json::to_value(schema).expect("a schema is plain data");
        point_at_definitions(&mut schema);
        definitions.insert(name, schema);
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A script of Peal",
        "$ref": format!("#/$defs/{}", Document::name()),
        "$defs": definitions,
    })
}

/// OpenAPI has its schemas under `components`, JSON Schema under `$defs`.
fn point_at_definitions(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if let Some(Value::String(to)) = object.get_mut("$ref")
                && let Some(name) = to.strip_prefix("#/components/schemas/")
            {
                *to = format!("#/$defs/{name}");
            }
            object.values_mut().for_each(point_at_definitions);
        }
        Value::Array(items) => items.iter_mut().for_each(point_at_definitions),
        _ => {}
    }
}

impl PartialSchema for Step {
    fn schema() -> RefOr<Schema> {
        let kinds = OneOfBuilder::new()
            .description(Some("One step: what `do` says."))
            .item(kind::<Play>("play"))
            .item(kind::<Say>("say"))
            .item(kind::<Listen>("listen"))
            .item(kind::<Menu>("menu"))
            .item(kind::<Collect>("collect"))
            .item(kind::<Set>("set"))
            .item(kind::<Branch>("branch"))
            .item(kind::<Http>("http"))
            .item(kind::<Webhook>("webhook"))
            .item(kind::<Converse>("converse"))
            .item(kind::<Bot>("bot"))
            .item(kind::<Record>("record"))
            .item(kind::<OptOut>("opt_out"))
            .item(kind::<LeaveMessage>("leave_message"))
            .item(kind::<Transfer>("transfer"))
            .item(kind::<Wait>("wait"))
            .item(kind::<HangUp>("hang_up"));
        RefOr::T(Schema::OneOf(kinds.build()))
    }
}

impl ToSchema for Step {
    fn name() -> Cow<'static, str> {
        "Step".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        Play::schemas(schemas);
        Say::schemas(schemas);
        Listen::schemas(schemas);
        Menu::schemas(schemas);
        Collect::schemas(schemas);
        Set::schemas(schemas);
        Branch::schemas(schemas);
        Http::schemas(schemas);
        Webhook::schemas(schemas);
        Converse::schemas(schemas);
        Bot::schemas(schemas);
        Record::schemas(schemas);
        OptOut::schemas(schemas);
        LeaveMessage::schemas(schemas);
        Transfer::schemas(schemas);
        Wait::schemas(schemas);
        HangUp::schemas(schemas);
    }
}

/// The object of one kind of step.
fn kind<K: PartialSchema>(name: &str) -> RefOr<Schema> {
    let RefOr::T(Schema::Object(mut object)) = K::schema() else {
        unreachable!("every kind of step is a struct with named fields");
    };
    let text = |description: &str| {
        ObjectBuilder::new().schema_type(Type::String).description(Some(description)).max_length(Some(64))
    };
    let id =
        text("Its name, by which other steps lead to it: letters, digits, `_` and `-`.").min_length(Some(1));
    object.properties.insert("do".to_owned(), one_word(name).into());
    object.properties.insert("id".to_owned(), id.build().into());
    if name != "hang_up" {
        let next = text("The step that follows; the one below it when absent.");
        object.properties.insert("next".to_owned(), next.build().into());
    }
    object.required.insert(0, "do".to_owned());
    object.additional_properties = Some(Box::new(AdditionalProperties::FreeForm(false)));
    Schema::Object(object).into()
}

fn one_word(word: &str) -> Schema {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some([word])).build().into()
}

impl PartialSchema for BargeIn {
    fn schema() -> RefOr<Schema> {
        let words = ["nothing", "keys", "speech", "any"];
        let either = OneOfBuilder::new()
            .description(Some("What stops a prompt or a sentence before its end; `true` is `keys`."))
            .item(ObjectBuilder::new().schema_type(Type::Boolean))
            .item(ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words)));
        RefOr::T(Schema::OneOf(either.build()))
    }
}

impl PartialSchema for Speech {
    fn schema() -> RefOr<Schema> {
        let text = ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some("A template."))
            .min_length(Some(1))
            .max_length(Some(SENTENCE_MAX));
        let prompt = ObjectBuilder::new()
            .schema_type(Type::Object)
            .property("prompt", Ref::from_schema_name(PromptId::name()))
            .required("prompt")
            .additional_properties(Some(AdditionalProperties::FreeForm(false)));
        let either = OneOfBuilder::new()
            .description(Some(
                "What a step says before it waits for an answer: a sentence, or a recorded prompt.",
            ))
            .item(text)
            .item(prompt);
        RefOr::T(Schema::OneOf(either.build()))
    }
}

impl ToSchema for Speech {
    fn name() -> Cow<'static, str> {
        "Speech".into()
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((PromptId::name().into_owned(), PromptId::schema()));
        PromptId::schemas(schemas);
    }
}

impl ToSchema for BargeIn {
    fn name() -> Cow<'static, str> {
        "BargeIn".into()
    }
}
