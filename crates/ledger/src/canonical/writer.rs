//! What serde can say, written in its one spelling, without a tree of values in between.
//!
//! Members are written as they come and put in their order when the object ends.

use serde::{Serialize, Serializer, ser};
use serde_json::Value;

use super::{INTEGER_MAX, NumberError, WriteError, by_utf_16, write_string};

impl ser::Error for WriteError {
    fn custom<T: std::fmt::Display>(said: T) -> Self {
        Self::Shape(said.to_string())
    }
}

/// A member that is added to the outermost object.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Extra<'a> {
    Number(u64),
    Text(&'a str),
}

pub(crate) type Extras<'a> = &'a [(&'static str, Extra<'a>)];

pub(super) struct Writer<'a> {
    text: String,
    /// Not yet added: the outermost object takes them.
    extras: Extras<'a>,
}

impl<'a> Writer<'a> {
    pub(super) fn new(extras: Extras<'a>) -> Self {
        Self {
            text: String::with_capacity(1024),
            extras,
        }
    }

    pub(super) fn into_text(self) -> Result<String, WriteError> {
        if self.extras.is_empty() {
            return Ok(self.text);
        }
        Err(WriteError::Shape("an entry is a JSON object".into()))
    }

    fn number(&mut self, magnitude: Option<u64>, number: impl std::fmt::Display) -> Written {
        if magnitude.is_none_or(|magnitude| magnitude > INTEGER_MAX) {
            return Err(NumberError(number.to_string()).into());
        }
        // Writing to a string cannot fail.
        let _ = std::fmt::Write::write_fmt(&mut self.text, format_args!("{number}"));
        Ok(())
    }

    fn members<'w>(&'w mut self, count: Option<usize>) -> Members<'w, 'a> {
        self.text.push('{');
        let extras = std::mem::take(&mut self.extras);
        Members {
            begin: self.text.len(),
            members: Vec::with_capacity(count.unwrap_or(8) + extras.len()),
            writer: self,
            extras,
            wrapped: false,
        }
    }

    fn elements<'w>(&'w mut self) -> Elements<'w, 'a> {
        self.text.push('[');
        Elements {
            begin: self.text.len(),
            writer: self,
            wrapped: false,
        }
    }

    /// `{"variant":`, to be closed by whoever writes what is in it.
    fn wrap(&mut self, variant: &str) {
        self.text.push('{');
        write_string(variant, &mut self.text);
        self.text.push(':');
    }
}

type Written = Result<(), WriteError>;

impl<'w, 'a> Serializer for &'w mut Writer<'a> {
    type Ok = ();
    type Error = WriteError;
    type SerializeSeq = Elements<'w, 'a>;
    type SerializeTuple = Elements<'w, 'a>;
    type SerializeTupleStruct = Elements<'w, 'a>;
    type SerializeTupleVariant = Elements<'w, 'a>;
    type SerializeMap = Members<'w, 'a>;
    type SerializeStruct = Members<'w, 'a>;
    type SerializeStructVariant = Members<'w, 'a>;

    fn serialize_bool(self, value: bool) -> Written {
        self.text.push_str(if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Written {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Written {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Written {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Written {
        self.number(Some(value.unsigned_abs()), value)
    }

    fn serialize_u8(self, value: u8) -> Written {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Written {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Written {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Written {
        self.number(Some(value), value)
    }

    fn serialize_f32(self, value: f32) -> Written {
        self.number(None, value)
    }

    fn serialize_f64(self, value: f64) -> Written {
        self.number(None, value)
    }

    fn serialize_char(self, value: char) -> Written {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Written {
        write_string(value, &mut self.text);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Written {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Written {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Written {
        self.text.push_str("null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Written {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Written {
        self.wrap(variant);
        value.serialize(&mut *self)?;
        self.text.push('}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Elements<'w, 'a>, WriteError> {
        Ok(self.elements())
    }

    fn serialize_tuple(self, _: usize) -> Result<Elements<'w, 'a>, WriteError> {
        Ok(self.elements())
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Elements<'w, 'a>, WriteError> {
        Ok(self.elements())
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Elements<'w, 'a>, WriteError> {
        self.wrap(variant);
        Ok(Elements {
            wrapped: true,
            ..self.elements()
        })
    }

    fn serialize_map(self, count: Option<usize>) -> Result<Members<'w, 'a>, WriteError> {
        Ok(self.members(count))
    }

    fn serialize_struct(
        self,
        _: &'static str,
        count: usize,
    ) -> Result<Members<'w, 'a>, WriteError> {
        Ok(self.members(Some(count)))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        count: usize,
    ) -> Result<Members<'w, 'a>, WriteError> {
        self.wrap(variant);
        Ok(Members {
            wrapped: true,
            ..self.members(Some(count))
        })
    }
}

pub(super) struct Elements<'w, 'a> {
    writer: &'w mut Writer<'a>,
    begin: usize,
    wrapped: bool,
}

impl Elements<'_, '_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        if self.writer.text.len() > self.begin {
            self.writer.text.push(',');
        }
        value.serialize(&mut *self.writer)
    }

    fn close(self) -> Written {
        self.writer
            .text
            .push_str(if self.wrapped { "]}" } else { "]" });
        Ok(())
    }
}

impl ser::SerializeSeq for Elements<'_, '_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.element(value)
    }

    fn end(self) -> Written {
        self.close()
    }
}

impl ser::SerializeTuple for Elements<'_, '_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.element(value)
    }

    fn end(self) -> Written {
        self.close()
    }
}

impl ser::SerializeTupleStruct for Elements<'_, '_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.element(value)
    }

    fn end(self) -> Written {
        self.close()
    }
}

impl ser::SerializeTupleVariant for Elements<'_, '_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.element(value)
    }

    fn end(self) -> Written {
        self.close()
    }
}

/// An object under way. Its members stand one after the other from `begin` on.
pub(super) struct Members<'w, 'a> {
    writer: &'w mut Writer<'a>,
    extras: Extras<'a>,
    begin: usize,
    /// The name of each, and where it ends.
    members: Vec<(std::borrow::Cow<'static, str>, usize)>,
    wrapped: bool,
}

impl Members<'_, '_> {
    fn begin_member(&mut self, name: &str) {
        write_string(name, &mut self.writer.text);
        self.writer.text.push(':');
    }

    fn end_member(&mut self, name: std::borrow::Cow<'static, str>) {
        self.members.push((name, self.writer.text.len()));
    }

    fn close(mut self) -> Written {
        for (name, extra) in std::mem::take(&mut self.extras) {
            self.begin_member(name);
            match *extra {
                Extra::Number(number) => self.writer.serialize_u64(number)?,
                Extra::Text(text) => self.writer.serialize_str(text)?,
            }
            self.end_member((*name).into());
        }
        let written = self.writer.text.split_off(self.begin);
        let mut from = self.begin;
        let mut sorted: Vec<(&str, &str)> = Vec::with_capacity(self.members.len());
        for (name, to) in &self.members {
            let member = written.get(from - self.begin..to - self.begin);
            sorted.push((name, member.unwrap_or_default()));
            from = *to;
        }
        sorted.sort_by(|(left, _), (right, _)| by_utf_16(left, right));
        for (at, (_, member)) in sorted.into_iter().enumerate() {
            if at > 0 {
                self.writer.text.push(',');
            }
            self.writer.text.push_str(member);
        }
        self.writer
            .text
            .push_str(if self.wrapped { "}}" } else { "}" });
        Ok(())
    }
}

impl ser::SerializeStruct for Members<'_, '_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Written {
        self.begin_member(name);
        value.serialize(&mut *self.writer)?;
        self.end_member(name.into());
        Ok(())
    }

    fn end(self) -> Written {
        self.close()
    }
}

impl ser::SerializeStructVariant for Members<'_, '_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Written {
        ser::SerializeStruct::serialize_field(self, name, value)
    }

    fn end(self) -> Written {
        self.close()
    }
}

impl ser::SerializeMap for Members<'_, '_> {
    type Ok = ();
    type Error = WriteError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Written {
        let name = serde_json::to_value(name).map_err(<WriteError as ser::Error>::custom)?;
        let Value::String(name) = name else {
            return Err(WriteError::Shape(format!("`{name}` names a member")));
        };
        self.begin_member(&name);
        // Where it ends is known when its value is written.
        self.members.push((name.into(), self.begin));
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        value.serialize(&mut *self.writer)?;
        let end = self.writer.text.len();
        if let Some((_, to)) = self.members.last_mut() {
            *to = end;
        }
        Ok(())
    }

    fn end(self) -> Written {
        self.close()
    }
}
