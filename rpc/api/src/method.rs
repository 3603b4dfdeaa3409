use crate::{Reason, params};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// How a method answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Once.
    Call,
    /// With a subscription's id, then by notifications of this method name until the second is called.
    Subscription {
        /// The notifications' method.
        notification: &'static str,
        /// The method that ends it.
        end: &'static str,
    },
}

/// A method: its name, what it is for, why it may refuse, and the types of its parameters and of its answer.
pub struct Method<P, R> {
    /// `group_verbNoun`.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Refusals beside those that any method may give.
    pub errors: &'static [Reason],
    /// How it answers. For a subscription `R` is what each notification carries.
    pub kind: Kind,
    types: PhantomData<fn(P) -> R>,
}

impl<P, R> Method<P, R> {
    /// A method that answers once.
    pub const fn new(name: &'static str, summary: &'static str, errors: &'static [Reason]) -> Self {
        Self { name, summary, errors, kind: Kind::Call, types: PhantomData }
    }

    /// A method that opens a subscription.
    pub const fn subscription(
        name: &'static str,
        notification: &'static str,
        end: &'static str,
        summary: &'static str,
        errors: &'static [Reason],
    ) -> Self {
        Self { name, summary, errors, kind: Kind::Subscription { notification, end }, types: PhantomData }
    }
}

impl<P: DeserializeOwned + JsonSchema, R: JsonSchema> Method<P, R> {
    /// The method without its types, for the list of all.
    pub const fn info(&self) -> MethodInfo {
        MethodInfo {
            name: self.name,
            summary: self.summary,
            errors: self.errors,
            kind: self.kind,
            fields: params::field_names::<P>,
            params: P::json_schema,
            result: SchemaGenerator::subschema_for::<R>,
            result_name: R::schema_name,
        }
    }
}

/// What a list of methods can say of one.
pub struct MethodInfo {
    /// `group_verbNoun`.
    pub name: &'static str,
    /// One sentence.
    pub summary: &'static str,
    /// Refusals beside those that any method may give.
    pub errors: &'static [Reason],
    /// How it answers.
    pub kind: Kind,
    /// The parameters' names, in order.
    pub fields: fn() -> &'static [&'static str],
    pub(crate) params: fn(&mut SchemaGenerator) -> Schema,
    pub(crate) result: fn(&mut SchemaGenerator) -> Schema,
    pub(crate) result_name: fn() -> std::borrow::Cow<'static, str>,
}
