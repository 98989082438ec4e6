//! Finds the products in an API answer as it streams in, holding no more of it than one unfinished element.
//!
//! Everything else is skipped without being built, however deep it nests. What is skipped is only checked as far
//! as finding its end needs; each element is read by `wire`, which is strict.

use crate::whmcs::envelope::Envelope;
use crate::whmcs::envelope::Field;
use crate::whmcs::envelope::Root;
use crate::whmcs::envelope::ScanError;
use crate::whmcs::skip::Skip;

/// Longest element, in bytes.
pub const MAX_ELEMENT: usize = 256 * 1024;
/// Most elements in one look.
pub const MAX_ELEMENTS: usize = 200_000;
/// Longer keys are none of ours.
const MAX_KEY: usize = 64;

/// Why feeding stopped: the bytes, or whoever takes the elements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Halt<E> {
    Scan(ScanError),
    Element(E),
}

impl<E> From<ScanError> for Halt<E> {
    fn from(error: ScanError) -> Self {
        Self::Scan(error)
    }
}

/// Reads chunk after chunk; hands out each element of `products.product`.
#[derive(Debug)]
pub struct Scanner {
    expect: Expect,
    /// The containers around the present place whose members matter: the answer, `products`, the list.
    frames: [Frame; 3],
    nested: usize,
    want: Want,
    /// Whether anybody wants the elements.
    listed: bool,
    skip: Skip,
    key: Vec<u8>,
    key_escapes: bool,
    /// A `{` where the list should be: numbered elements or a single one, as its first key will tell.
    undecided: bool,
    capturing: bool,
    /// Where in the present chunk the captured value begins.
    from: usize,
    carry: Vec<u8>,
    bom: u8,
    offset: u64,
    envelope: Envelope,
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    Start,
    Value,
    ItemOrEnd,
    KeyOrEnd,
    Key,
    InKey,
    InKeyEscape,
    Colon,
    CommaOrEnd,
    Skipped,
    Nothing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Frame {
    Answer,
    Products { object: bool },
    List { object: bool },
}

impl Frame {
    fn is_object(self) -> bool {
        match self {
            Self::Answer => true,
            Self::Products { object } | Self::List { object } => object,
        }
    }
}

/// What the next value is to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    Nothing,
    Answer,
    Field(Field),
    Products,
    List,
    Element,
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl Scanner {
    /// At the start of a body.
    #[must_use]
    pub fn new() -> Self {
        Self {
            expect: Expect::Start,
            frames: [Frame::Answer; 3],
            nested: 0,
            want: Want::Answer,
            listed: true,
            skip: Skip::after(b'n'),
            key: Vec::new(),
            key_escapes: false,
            undecided: false,
            capturing: false,
            from: 0,
            carry: Vec::new(),
            bom: 0,
            offset: 0,
            envelope: Envelope::default(),
        }
    }

    /// Passes over products like over all else: the scalar fields alone are of interest.
    #[must_use]
    pub fn of_fields() -> Self {
        Self {
            listed: false,
            ..Self::new()
        }
    }

    /// Reads one chunk. An element that lies whole within it is lent from it, another from a buffer.
    pub fn feed<E>(
        &mut self,
        chunk: &[u8],
        mut element: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), Halt<E>> {
        self.from = 0;
        let mut i = 0;
        while i < chunk.len() {
            if self.expect == Expect::Skipped {
                let Some(end) = self.skip.advance(chunk, i) else {
                    break;
                };
                self.value_ends(chunk, end, &mut element)?;
                i = end;
            } else {
                self.step(chunk[i], i)?;
                i += 1;
            }
        }
        if self.capturing {
            self.carry.extend_from_slice(&chunk[self.from..]);
            if self.carry.len() > MAX_ELEMENT {
                return Err(ScanError::ElementTooLarge.into());
            }
        }
        self.offset += chunk.len() as u64;
        Ok(())
    }

    /// What the answer said so far, whole or not.
    #[must_use]
    pub fn seen(&self) -> &Envelope {
        &self.envelope
    }

    /// The body has ended.
    pub fn finish(self) -> Result<Envelope, ScanError> {
        let bare_scalar = self.expect == Expect::Skipped && self.nested == 0 && self.skip.is_scalar();
        match self.expect {
            Expect::Nothing => Ok(self.envelope),
            Expect::Skipped if bare_scalar => Ok(self.envelope),
            Expect::Start => Err(ScanError::Empty),
            Expect::Value
            | Expect::ItemOrEnd
            | Expect::KeyOrEnd
            | Expect::Key
            | Expect::InKey
            | Expect::InKeyEscape
            | Expect::Colon
            | Expect::CommaOrEnd
            | Expect::Skipped => Err(ScanError::Truncated),
        }
    }

    /// One byte between values.
    fn step(&mut self, byte: u8, i: usize) -> Result<(), ScanError> {
        if self.expect == Expect::InKey {
            self.in_key(byte);
            return Ok(());
        }
        if self.expect == Expect::InKeyEscape {
            self.push_key(byte);
            self.expect = Expect::InKey;
            return Ok(());
        }
        if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') || self.expect == Expect::Start && self.is_bom(byte) {
            return Ok(());
        }
        match (self.expect, byte) {
            (Expect::Start | Expect::Value, b',' | b':' | b'}' | b']') => Err(self.not_json(i)),
            (Expect::ItemOrEnd, b']') | (Expect::KeyOrEnd, b'}') => {
                self.container_ends();
                Ok(())
            }
            (Expect::ItemOrEnd, b',' | b':' | b'}') => Err(self.not_json(i)),
            (Expect::Start | Expect::Value | Expect::ItemOrEnd, _) => self.value_begins(byte, i),
            (Expect::KeyOrEnd | Expect::Key, b'"') => {
                self.key.clear();
                self.key_escapes = false;
                self.expect = Expect::InKey;
                Ok(())
            }
            (Expect::Colon, b':') => {
                self.expect = Expect::Value;
                Ok(())
            }
            (Expect::CommaOrEnd, _) => self.between(byte, i),
            (Expect::Nothing, _) => Err(ScanError::Trailing(self.offset + i as u64)),
            (
                Expect::KeyOrEnd
                | Expect::Key
                | Expect::Colon
                | Expect::InKey
                | Expect::InKeyEscape
                | Expect::Skipped,
                _,
            ) => Err(self.not_json(i)),
        }
    }

    fn not_json(&self, i: usize) -> ScanError {
        ScanError::NotJson(self.offset + i as u64)
    }

    fn is_bom(&mut self, byte: u8) -> bool {
        let expected = [0xef, 0xbb, 0xbf].get(usize::from(self.bom));
        let fits = expected == Some(&byte);
        self.bom += u8::from(fits);
        fits
    }

    fn in_key(&mut self, byte: u8) {
        match byte {
            b'"' => self.key_ends(),
            b'\\' => {
                self.key_escapes = true;
                self.push_key(byte);
                self.expect = Expect::InKeyEscape;
            }
            _ => self.push_key(byte),
        }
    }

    fn push_key(&mut self, byte: u8) {
        if self.key.len() <= MAX_KEY {
            self.key.push(byte);
        }
    }

    fn key_ends(&mut self) {
        if self.key_escapes {
            self.unescape_key();
        }
        let numbered = is_number(&self.key);
        if self.undecided {
            self.undecided = false;
            if !numbered {
                // A single product: what was taken for the list is the element itself.
                self.nested -= 1;
                self.want = Want::Element;
                self.skip = Skip::after(b'{');
                self.expect = Expect::Skipped;
                return;
            }
            self.drop_capture();
        }
        self.want = match self.frames[self.nested - 1] {
            Frame::Answer => match self.key.as_slice() {
                b"products" if self.listed => Want::Products,
                b"product" if self.listed => Want::List,
                other => Field::named(other).map_or(Want::Nothing, Want::Field),
            },
            Frame::Products { .. } if self.key == b"product" => Want::List,
            Frame::Products { .. } | Frame::List { .. } if numbered => Want::Element,
            Frame::Products { .. } | Frame::List { .. } => Want::Nothing,
        };
        self.expect = Expect::Colon;
    }

    fn unescape_key(&mut self) {
        let mut quoted = Vec::with_capacity(self.key.len() + 2);
        quoted.push(b'"');
        quoted.extend_from_slice(&self.key);
        quoted.push(b'"');
        if let Ok(key) = serde_json::from_slice::<String>(&quoted) {
            self.key = key.into_bytes();
        }
    }

    fn value_begins(&mut self, byte: u8, i: usize) -> Result<(), ScanError> {
        let opens = matches!(byte, b'{' | b'[');
        let object = byte == b'{';
        let kind = match byte {
            b'{' => Root::Object,
            b'[' => Root::List,
            b'"' | b'-' | b'0'..=b'9' | b't' | b'f' | b'n' => Root::Scalar,
            _ => return Err(self.not_json(i)),
        };
        if self.expect == Expect::Start {
            self.envelope.root = kind;
        }
        self.envelope.has_products |= matches!(self.want, Want::Products | Want::List);
        match self.want {
            Want::Answer if object => self.enter(Frame::Answer),
            Want::Products if opens => self.enter(Frame::Products { object }),
            Want::List if opens => {
                self.enter(Frame::List { object });
                if object {
                    self.undecided = true;
                    self.begin_capture(i);
                }
            }
            Want::Element => {
                self.begin_capture(i);
                self.begin_skip(byte);
            }
            Want::Field(_) if !opens => {
                self.begin_capture(i);
                self.begin_skip(byte);
            }
            Want::Field(_) | Want::Nothing | Want::Answer | Want::Products | Want::List => {
                self.want = Want::Nothing;
                self.begin_skip(byte);
            }
        }
        Ok(())
    }

    fn enter(&mut self, frame: Frame) {
        self.frames[self.nested] = frame;
        self.nested += 1;
        if frame.is_object() {
            self.expect = Expect::KeyOrEnd;
        } else {
            self.want = Want::Element;
            self.expect = Expect::ItemOrEnd;
        }
    }

    fn begin_capture(&mut self, i: usize) {
        self.capturing = true;
        self.from = i;
        self.carry.clear();
    }

    fn drop_capture(&mut self) {
        self.capturing = false;
        self.carry.clear();
    }

    fn begin_skip(&mut self, byte: u8) {
        self.skip = Skip::after(byte);
        self.expect = Expect::Skipped;
    }

    /// After a member: another one, or the end of its container.
    fn between(&mut self, byte: u8, i: usize) -> Result<(), ScanError> {
        let object = self.frames[self.nested - 1].is_object();
        match byte {
            b',' if object => self.expect = Expect::Key,
            b',' => {
                self.want = Want::Element;
                self.expect = Expect::Value;
            }
            b'}' if object => self.container_ends(),
            b']' if !object => self.container_ends(),
            _ => return Err(self.not_json(i)),
        }
        Ok(())
    }

    fn container_ends(&mut self) {
        if self.undecided {
            self.undecided = false;
            self.drop_capture();
        }
        self.nested -= 1;
        self.after_value();
    }

    fn after_value(&mut self) {
        self.expect = if self.nested == 0 {
            Expect::Nothing
        } else {
            Expect::CommaOrEnd
        };
    }

    /// A skipped value ends before `end`: hand it out, or keep it, if it was wanted.
    fn value_ends<E>(
        &mut self,
        chunk: &[u8],
        end: usize,
        element: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), Halt<E>> {
        self.after_value();
        if !self.capturing {
            return Ok(());
        }
        self.capturing = false;
        let bytes = if self.carry.is_empty() {
            &chunk[self.from..end]
        } else {
            self.carry.extend_from_slice(&chunk[self.from..end]);
            self.carry.as_slice()
        };
        if bytes.len() > MAX_ELEMENT {
            return Err(ScanError::ElementTooLarge.into());
        }
        match self.want {
            Want::Element => {
                self.envelope.elements += 1;
                if self.envelope.elements > MAX_ELEMENTS {
                    return Err(ScanError::TooMany.into());
                }
                element(bytes).map_err(Halt::Element)?;
            }
            Want::Field(field) => self.envelope.keep(field, bytes),
            Want::Nothing | Want::Answer | Want::Products | Want::List => {}
        }
        self.carry.clear();
        Ok(())
    }
}

fn is_number(key: &[u8]) -> bool {
    !key.is_empty() && key.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    fn scan(body: &[u8], cuts: &[usize]) -> Result<(Vec<Vec<u8>>, Envelope), ScanError> {
        let mut scanner = Scanner::new();
        let mut elements = Vec::new();
        let mut from = 0;
        for to in cuts.iter().copied().chain([body.len()]) {
            let fed = scanner.feed(&body[from..to], |element| {
                elements.push(element.to_vec());
                Ok::<(), ()>(())
            });
            match fed {
                Ok(()) => {}
                Err(Halt::Scan(error)) => return Err(error),
                Err(Halt::Element(())) => unreachable!("the callback never fails"),
            }
            from = to;
        }
        scanner.finish().map(|envelope| (elements, envelope))
    }

    fn each_byte(body: &[u8]) -> Vec<usize> {
        (0..body.len()).collect()
    }

    fn texts(body: &str) -> Vec<String> {
        let whole = scan(body.as_bytes(), &[]).unwrap();
        assert_eq!(
            whole,
            scan(body.as_bytes(), &each_byte(body.as_bytes())).unwrap(),
            "{body}"
        );
        whole
            .0
            .into_iter()
            .map(|element| String::from_utf8(element).unwrap())
            .collect()
    }

    #[test]
    fn the_list_of_products_is_found_in_every_shape() {
        let cases: [(&str, &[&str]); 16] = [
            (
                r#"{"products":{"product":[{"a":1},{"b":"}"}]}}"#,
                &[r#"{"a":1}"#, r#"{"b":"}"}"#],
            ),
            (
                r#"{"products":{"product":{"pid":1,"name":"x"}}}"#,
                &[r#"{"pid":1,"name":"x"}"#],
            ),
            (
                r#"{"products":{"product":{"0":{"a":1},"7":{"b":2}}}}"#,
                &[r#"{"a":1}"#, r#"{"b":2}"#],
            ),
            (r#"{"products":{"product":""}}"#, &[]),
            (r#"{"products":{"product":null}}"#, &[]),
            (r#"{"products":{"product":[]}}"#, &[]),
            (r#"{"products":{"product":{ }}}"#, &[]),
            (r#"{"products":{}}"#, &[]),
            (r#"{"products":[]}"#, &[]),
            (r#"{"products":""}"#, &[]),
            (r#"{"products":null}"#, &[]),
            (r#"{}"#, &[]),
            (r#"{"products":[{"a":1}]}"#, &[r#"{"a":1}"#]),
            (r#"{"products":{"1":{"a":1}}}"#, &[r#"{"a":1}"#]),
            (r#"{"product":{"pid":1}}"#, &[r#"{"pid":1}"#]),
            (
                "\u{feff} \n{\"pr\\u006fducts\" : {\"x\":[{}],\"product\" : [ {\"a\" :[]} , 5 ,null] } } \r\n",
                &["{\"a\" :[]}", "5", "null"],
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(texts(body), expected, "{body}");
        }
    }

    #[test]
    fn the_scalar_fields_are_read_before_and_after_the_products() {
        let body = r#"{"result":"success","x":{"result":"no"},"products":{"totalresults":9,"product":[]},
            "totalresults":"3","startnumber":0,"numreturned":3,"contract": 1 ,"message":"a \"b\"","y":[{"message":1}]}"#;
        let (_, envelope) = scan(body.as_bytes(), &each_byte(body.as_bytes())).unwrap();
        let raw = |field| str::from_utf8(envelope.raw(field).unwrap()).unwrap();
        assert_eq!(raw(Field::Result), r#""success""#);
        assert_eq!(raw(Field::TotalResults), r#""3""#);
        assert_eq!(raw(Field::StartNumber), "0");
        assert_eq!(raw(Field::NumReturned), "3");
        assert_eq!(raw(Field::Contract), "1");
        assert_eq!(raw(Field::Message), r#""a \"b\"""#);
        assert!(envelope.has_products);
    }

    #[test]
    fn what_is_not_one_whole_json_value_is_an_error() {
        let cases = [
            ("", ScanError::Empty),
            (" \n", ScanError::Empty),
            ("\u{feff}", ScanError::Empty),
            ("<html>", ScanError::NotJson(0)),
            ("{\"a\":1} x", ScanError::Trailing(8)),
            ("{}{}", ScanError::Trailing(2)),
            ("null null", ScanError::Trailing(5)),
            ("{\"a\":1", ScanError::Truncated),
            ("{\"a\":[1,2", ScanError::Truncated),
            ("{\"a\":\"b", ScanError::Truncated),
            ("{\"products\":{\"product\":[{\"pid\":1}", ScanError::Truncated),
            ("{\"products\":{\"product\":[{\"pid\":1", ScanError::Truncated),
            ("[", ScanError::Truncated),
            ("\"a", ScanError::Truncated),
            ("{a:1}", ScanError::NotJson(1)),
            ("{\"a\" 1}", ScanError::NotJson(5)),
            ("{\"a\":1]", ScanError::NotJson(6)),
            ("{\"a\":}", ScanError::NotJson(5)),
            ("{\"a\":1,}", ScanError::NotJson(7)),
            ("{,}", ScanError::NotJson(1)),
            ("{\"products\":[}", ScanError::NotJson(13)),
            ("{\"a\":@}", ScanError::NotJson(5)),
        ];
        for (body, error) in cases {
            assert_eq!(scan(body.as_bytes(), &[]), Err(error), "{body}");
            assert_eq!(
                scan(body.as_bytes(), &each_byte(body.as_bytes())),
                Err(error),
                "{body} byte by byte"
            );
        }
    }

    #[test]
    fn depth_costs_nothing() {
        let mut scanner = Scanner::new();
        let mut feed = |bytes: &[u8]| scanner.feed(bytes, |_| Ok::<(), ()>(())).unwrap();
        feed(b"{\"x\":");
        for bracket in ["[", "]"] {
            for _ in 0..100 {
                feed(bracket.repeat(1000).as_bytes());
            }
        }
        feed(b"}");
        assert_eq!(scanner.carry.capacity(), 0);
        assert_eq!(scanner.finish().unwrap().elements, 0);
    }

    #[test]
    fn an_element_over_256_kb_is_refused_and_never_held() {
        let long = "x".repeat(MAX_ELEMENT);
        let body = format!(r#"{{"products":{{"product":["{long}"]}}}}"#);
        assert_eq!(scan(body.as_bytes(), &[]), Err(ScanError::ElementTooLarge));
        let cuts: Vec<usize> = (1..=MAX_ELEMENT / 1000).map(|i| i * 1000).collect();
        assert_eq!(scan(body.as_bytes(), &cuts), Err(ScanError::ElementTooLarge));
        let fits = body.replacen("xx", "", 1);
        assert_eq!(scan(fits.as_bytes(), &cuts).unwrap().0.len(), 1);
    }

    #[test]
    fn more_than_200_000_products_are_refused() {
        let list = |count: usize| format!(r#"{{"products":{{"product":[{}0]}}}}"#, "0,".repeat(count - 1));
        assert_eq!(
            scan(list(MAX_ELEMENTS).as_bytes(), &[]).unwrap().1.elements,
            MAX_ELEMENTS
        );
        assert_eq!(
            scan(list(MAX_ELEMENTS + 1).as_bytes(), &[]),
            Err(ScanError::TooMany)
        );
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<i32>().prop_map(|n| Value::from(f64::from(n) / 4.0)),
            r#"[a-z"\\{}\[\],: é😀]{0,40}"#.prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                proptest::collection::vec((r#"[a-z"\\]{1,8}"#, inner), 0..5)
                    .prop_map(|members| Value::from(members.into_iter().collect::<serde_json::Map<_, _>>())),
            ]
        })
    }

    fn answer() -> impl Strategy<Value = Value> {
        let shape = proptest::collection::vec(json(), 0..6).prop_flat_map(|items| {
            prop_oneof![
                Just(Value::from(items.clone())),
                Just(Value::from(
                    items
                        .iter()
                        .enumerate()
                        .map(|(i, v)| (i.to_string(), v.clone()))
                        .collect::<serde_json::Map<_, _>>()
                )),
            ]
        });
        (shape, json(), json(), any::<bool>()).prop_map(|(list, before, after, wrapped)| {
            let products = if wrapped {
                serde_json::json!({"a": before, "product": list})
            } else {
                list
            };
            serde_json::json!({"before": before, "products": products, "result": "success", "zz": after})
        })
    }

    fn expected(answer: &Value) -> Vec<Value> {
        let products = &answer["products"];
        let list = products.get("product").unwrap_or(products);
        match list {
            Value::Array(items) => items.clone(),
            Value::Object(members) => members.values().cloned().collect(),
            _ => Vec::new(),
        }
    }

    proptest! {
        #[test]
        fn an_answer_in_any_pieces_yields_what_serde_json_reads(
            answer in answer(), pretty: bool, cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8)
        ) {
            let body = if pretty { serde_json::to_vec_pretty(&answer) } else { serde_json::to_vec(&answer) }.unwrap();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.index(body.len())).collect();
            cuts.sort_unstable();
            let (elements, envelope) = scan(&body, &cuts).unwrap();
            let mut elements: Vec<Value> =
                elements.iter().map(|element| serde_json::from_slice(element).unwrap()).collect();
            let mut expected = expected(&answer);
            prop_assert_eq!(envelope.elements, expected.len());
            let text = |value: &Value| value.to_string();
            elements.sort_by_key(text);
            expected.sort_by_key(text);
            prop_assert_eq!(elements, expected);
            prop_assert_eq!(envelope.raw(Field::Result), Some(br#""success""#.as_slice()));
        }

        #[test]
        fn pieces_make_no_difference_whatever_the_bytes(
            mut body in answer().prop_map(|answer| serde_json::to_vec(&answer).unwrap()),
            hurts in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
            end in any::<prop::sample::Index>(),
            cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8)
        ) {
            for (at, byte) in hurts {
                let at = at.index(body.len());
                body[at] = byte;
            }
            body.truncate(end.index(body.len() * 2) + 1);
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.index(body.len())).collect();
            cuts.sort_unstable();
            let whole = scan(&body, &[]);
            prop_assert_eq!(&whole, &scan(&body, &cuts));
            if serde_json::from_slice::<Value>(&body).is_ok() {
                prop_assert!(whole.is_ok(), "{whole:?}");
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic(body in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = scan(&body, &each_byte(&body));
        }
    }
}
