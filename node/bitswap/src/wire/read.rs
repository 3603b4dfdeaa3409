//! Protobuf's grammar: numbers of seven bits a byte, and fields.

use super::Junk;

/// The length before a message, at most 4 MiB, needs four bytes; a fifth is read to tell it from one that is too long.
pub(crate) const PREFIX_BYTES_MAX: usize = 5;

/// Reads fields one after the other; never beyond what is there.
pub(super) struct Reader<'a>(pub &'a [u8]);

/// What a field holds.
pub(super) enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Four or eight bytes: no field of ours.
    Fixed,
}

impl<'a> Value<'a> {
    pub fn number(self) -> Result<u64, Junk> {
        match self {
            Value::Number(number) => Ok(number),
            _ => Err(Junk::Form("a field is not the number that it should be")),
        }
    }

    pub fn bytes(self) -> Result<&'a [u8], Junk> {
        match self {
            Value::Bytes(bytes) => Ok(bytes),
            _ => Err(Junk::Form("a field does not hold the bytes that it should")),
        }
    }
}

impl<'a> Reader<'a> {
    pub fn number(&mut self) -> Result<u64, Junk> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first().ok_or(Junk::Form("a number ends early"))?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if shift == 63 && bits > 1 {
                return Err(Junk::Form("a number of more than 64 bits"));
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Junk::Form("a number of more than ten bytes"))
    }

    fn take(&mut self, len: u64) -> Result<&'a [u8], Junk> {
        let early = Junk::Form("a field ends early");
        let len = usize::try_from(len).map_err(|_| early.clone())?;
        let (taken, rest) = self.0.split_at_checked(len).ok_or(early)?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next field's number and value; none at the end.
    pub fn field(&mut self) -> Result<Option<(u64, Value<'a>)>, Junk> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.number()?;
        if tag >> 3 == 0 {
            return Err(Junk::Form("a field with the number 0"));
        }
        let value = match tag & 7 {
            0 => Value::Number(self.number()?),
            1 => self.take(8).map(|_| Value::Fixed)?,
            2 => {
                let len = self.number()?;
                Value::Bytes(self.take(len)?)
            }
            5 => self.take(4).map(|_| Value::Fixed)?,
            _ => return Err(Junk::Form("a field of a kind that is not used")),
        };
        Ok(Some((tag >> 3, value)))
    }
}

/// The length before a message: nothing while it is not whole.
pub(crate) fn length(head: &[u8]) -> Result<Option<usize>, Junk> {
    let whole = head.iter().any(|byte| byte & 0x80 == 0);
    if !whole && head.len() < PREFIX_BYTES_MAX {
        return Ok(None);
    }
    let len = if whole { Reader(head).number()? } else { u64::MAX };
    match usize::try_from(len) {
        Ok(len) if len <= super::MESSAGE_BYTES_MAX => Ok(Some(len)),
        _ => Err(Junk::TooLong { len }),
    }
}
