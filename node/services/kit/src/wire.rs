//! Protocol buffers, as far as dag-pb, UnixFS and IPNS use them: a reader over a slice that never allocates.

/// What stands behind a field's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Varint(u64),
    /// Bytes, by their place in the slice that is read.
    Bytes(std::ops::Range<usize>),
    /// Four or eight bytes, which none of our fields has.
    Fixed,
}

/// Reads a message field by field.
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    end: usize,
}

/// The bytes are no message: cut off, a number beyond 64 bits, or a kind of field that is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Junk;

impl<'a> Reader<'a> {
    /// Over a whole slice.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, end: bytes.len() }
    }

    /// A message within: places stay those of the outer slice.
    pub fn within(bytes: &'a [u8], range: std::ops::Range<usize>) -> Self {
        let end = range.end.min(bytes.len());
        Self { bytes, at: range.start.min(end), end }
    }

    /// The next field's number and value; nothing at the end.
    pub fn field(&mut self) -> Result<Option<(u64, Value)>, Junk> {
        if self.at >= self.end {
            return Ok(None);
        }
        let key = self.varint()?;
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.skip(8)?,
            2 => {
                let len = usize::try_from(self.varint()?).map_err(|_| Junk)?;
                let start = self.at;
                self.skip(len)?;
                Value::Bytes(start..self.at)
            }
            5 => self.skip(4)?,
            _ => return Err(Junk),
        };
        Ok(Some((key >> 3, value)))
    }

    fn skip(&mut self, len: usize) -> Result<Value, Junk> {
        let end = self.at.checked_add(len).filter(|end| *end <= self.end).ok_or(Junk)?;
        self.at = end;
        Ok(Value::Fixed)
    }

    /// A number in its variable form.
    pub fn varint(&mut self) -> Result<u64, Junk> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.bytes.get(self.at).filter(|_| self.at < self.end).ok_or(Junk)?;
            self.at += 1;
            let part = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit.
            if shift == 63 && part > 1 {
                return Err(Junk);
            }
            number |= part << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Junk)
    }

    /// Nothing is left.
    pub fn is_done(&self) -> bool {
        self.at >= self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_in_the_order_they_stand_in() {
        let bytes = [0x08, 0x96, 0x01, 0x12, 2, b'h', b'i', 0x1d, 0, 0, 0, 0];
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.field(), Ok(Some((1, Value::Varint(150)))));
        assert_eq!(reader.field(), Ok(Some((2, Value::Bytes(5..7)))));
        assert_eq!(reader.field(), Ok(Some((3, Value::Fixed))));
        assert_eq!(reader.field(), Ok(None));
    }

    #[test]
    fn what_is_cut_off_or_too_large_is_junk() {
        for junk in [&[0x08][..], &[0x12, 3, 1, 2], &[0x0b], &[0x08, 0xff], &[0x09, 1, 2, 3]] {
            assert_eq!(Reader::new(junk).field(), Err(Junk), "{junk:x?}");
        }
        let most = [[0xff; 9].as_slice(), &[0x01]].concat();
        assert_eq!(Reader::new(&most).varint(), Ok(u64::MAX));
        let more = [[0xff; 9].as_slice(), &[0x02]].concat();
        assert_eq!(Reader::new(&more).varint(), Err(Junk));
        assert_eq!(Reader::new(&[0x12, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]).field(), Err(Junk));
    }
}
