//! Reads WHMCS's lists, which come as an array, one object, an object with numeric keys, "", null, or not at all.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::Deserializer;
use serde::de::DeserializeSeed;
use serde::de::Error;
use serde::de::IgnoredAny;
use serde::de::MapAccess;
use serde::de::SeqAccess;
use serde::de::Visitor;

/// What a list is made of: an object whose fields are taken one by one.
pub trait Item<'de>: Default {
    /// The key under which WHMCS wraps the list: `option` in `{"option":[…]}`.
    const WRAPPER: &'static str;

    /// Takes the value of one field, or ignores it; the last one counts.
    fn field<A: MapAccess<'de>>(&mut self, key: &str, map: &mut A) -> Result<(), A::Error>;
}

/// A list in whatever shape.
#[derive(Debug)]
pub struct List<T>(pub Vec<T>);

/// One object of a list.
#[derive(Debug)]
pub struct One<T>(pub T);

impl<'de, T: Item<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        ListVisitor {
            wrapped: true,
            item: PhantomData,
        }
        .deserialize(from)
        .map(List)
    }
}

impl<'de, T: Item<'de>> Deserialize<'de> for One<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(OneVisitor(PhantomData)).map(One)
    }
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Key<'a>(#[serde(borrow)] Cow<'a, str>);

struct OneVisitor<T>(PhantomData<T>);

impl<'de, T: Item<'de>> Visitor<'de> for OneVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<T, A::Error> {
        let mut item = T::default();
        while let Some(Key(key)) = map.next_key()? {
            item.field(&key, &mut map)?;
        }
        Ok(item)
    }
}

/// `wrapped`: the list may still be wrapped in an object under its key.
struct ListVisitor<T> {
    wrapped: bool,
    item: PhantomData<T>,
}

impl<'de, T: Item<'de>> DeserializeSeed<'de> for ListVisitor<T> {
    type Value = Vec<T>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Vec<T>, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de, T: Item<'de>> Visitor<'de> for ListVisitor<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of {}", T::WRAPPER)
    }

    fn visit_unit<E: Error>(self) -> Result<Vec<T>, E> {
        Ok(Vec::new())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Vec<T>, E> {
        if text.trim().is_empty() {
            Ok(Vec::new())
        } else {
            Err(E::custom("a text where a list belongs"))
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(One(item)) = seq.next_element()? {
            items.push(item);
        }
        Ok(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Vec<T>, A::Error> {
        let Some(Key(first)) = map.next_key()? else {
            return Ok(Vec::new());
        };
        if self.wrapped && first == T::WRAPPER {
            let items = map.next_value_seed(Self {
                wrapped: false,
                item: PhantomData,
            })?;
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(items);
        }
        if first.bytes().all(|b| b.is_ascii_digit()) {
            let One(item) = map.next_value()?;
            let mut items = vec![item];
            while let Some((_, One(item))) = map.next_entry::<IgnoredAny, One<T>>()? {
                items.push(item);
            }
            return Ok(items);
        }
        let mut item = T::default();
        item.field(&first, &mut map)?;
        while let Some(Key(key)) = map.next_key()? {
            item.field(&key, &mut map)?;
        }
        Ok(vec![item])
    }
}
