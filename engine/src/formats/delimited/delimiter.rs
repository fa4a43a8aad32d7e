//! What separates the values of a line.

/// A single character between values.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delimiter {
    character: char,
}

impl Delimiter {
    /// The default.
    pub const COMMA: Delimiter = Delimiter { character: ',' };

    /// Reads the value of a delimiter property: a character, or the words `TAB` and `SPACE`.
    ///
    /// # Errors
    /// A sentence for the user.
    pub fn parse(text: &str) -> Result<Delimiter, String> {
        if text.trim().is_empty() {
            return Err(
                "Delimiter cannot be empty, if you meant to have a tab or space for delimiter, please \
                        use the special values 'TAB' or 'SPACE'\nExample valid value: ';'"
                    .to_owned(),
            );
        }
        let mut characters = text.chars();
        let character = match (text, characters.next(), characters.next()) {
            ("TAB", ..) => '\t',
            ("SPACE", ..) => ' ',
            (_, Some('"'), None) => {
                return Err(
                    "Delimiter cannot be '\"', which quotes values\nExample valid value: ';'".to_owned()
                );
            }
            (_, Some(single), None) => single,
            _ => {
                return Err(format!(
                    "Invalid delimiter value: '{text}'. Delimiter must be a single character or TAB,SPACE\n\
                     Example valid value: ';'"
                ));
            }
        };
        Ok(Delimiter { character })
    }

    /// The character.
    #[must_use]
    pub fn character(self) -> char {
        self.character
    }
}
