//! Rust files as tokens and comments, for checks that need no types.

/// A file of `src`.
pub struct Source {
    /// The path, such as `src/lex/word.rs`.
    pub file: String,
    /// The code, without tests, comments and the content of strings.
    pub tokens: Vec<Token>,
    pub comments: Vec<Comment>,
}

/// A word, `::`, or one other character. A literal is a token without text.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// A line of a comment.
pub struct Comment {
    pub text: String,
    pub line: usize,
}

impl Source {
    pub fn new(file: &str, text: &str) -> Self {
        let (tokens, comments) = Lexer { rest: text, line: 1 }.run();
        Self { file: file.to_owned(), tokens: without_tests(&tokens), comments }
    }

    /// The modules that this file is in, from the top: `lex` and `word` for `src/lex/word.rs`.
    pub fn modules(&self) -> Vec<&str> {
        let path = self.file.trim_start_matches("src/").trim_end_matches(".rs");
        let path = path.trim_end_matches("/mod");
        path.split('/').filter(|name| *name != "lib").collect()
    }
}

/// Takes tokens and comments from the start of a text.
struct Lexer<'a> {
    rest: &'a str,
    line: usize,
}

impl<'a> Lexer<'a> {
    fn run(mut self) -> (Vec<Token>, Vec<Comment>) {
        let (mut tokens, mut comments) = (Vec::new(), Vec::new());
        while let Some(first) = self.rest.chars().next() {
            let line = self.line;
            let mut token = |text: &str| tokens.push(Token { text: text.to_owned(), line });
            if first.is_whitespace() {
                self.take(first.len_utf8());
            } else if self.rest.starts_with("//") {
                let text = self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
                let text = text.trim_start_matches(['/', '!']).trim().to_owned();
                comments.push(Comment { text, line });
            } else if self.rest.starts_with("/*") {
                let text = self.take(block_comment(self.rest));
                let lines = text.lines().zip(line..);
                comments.extend(lines.map(|(text, line)| Comment {
                    text: text.trim_matches(['/', '*', '!', ' ']).to_owned(),
                    line,
                }));
            } else if let Some(size) = literal(self.rest) {
                self.take(size);
                token("");
            } else if let Some(name) =
                self.rest.strip_prefix("r#").or(Some(self.rest)).filter(|_| is_word(first))
            {
                self.take(self.rest.len() - name.len());
                token(self.take(name.find(|c| !is_word(c)).unwrap_or(name.len())));
            } else if self.rest.starts_with("::") {
                token(self.take(2));
            } else {
                token(self.take(first.len_utf8()));
            }
        }
        (tokens, comments)
    }

    fn take(&mut self, size: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(size);
        self.rest = rest;
        self.line += taken.matches('\n').count();
        taken
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The size of a block comment, which may have others inside.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, _) in text.char_indices() {
        if text[at..].starts_with("/*") {
            depth += 1;
        } else if text[..at].ends_with("*/") {
            depth -= 1;
            if depth == 0 {
                return at;
            }
        }
    }
    text.len()
}

/// The size of the string or character literal, or of the lifetime, that the text begins with.
fn literal(text: &str) -> Option<usize> {
    let prefix = ["br", "cr", "b", "c", "r"].into_iter().find(|prefix| {
        text.strip_prefix(prefix).is_some_and(|rest| {
            rest.starts_with('"')
                || rest.starts_with('\'') && *prefix == "b"
                || prefix.ends_with('r') && rest.trim_start_matches('#').starts_with('"')
        })
    });
    let start = prefix.map_or(0, str::len);
    let body = &text[start..];
    if prefix.is_some_and(|prefix| prefix.ends_with('r')) {
        let hashes = body.len() - body.trim_start_matches('#').len();
        let end = format!("\"{}", "#".repeat(hashes));
        let content = &body[hashes + 1..];
        return Some(
            start + hashes + 1 + content.find(&end).map_or(content.len(), |at| at + end.len()),
        );
    }
    let quote = body.chars().next().filter(|quote| ['"', '\''].contains(quote))?;
    let mut chars = body.char_indices().skip(1).peekable();
    if quote == '\'' && prefix.is_none() {
        let mut ahead = chars.clone();
        let (first, second) = (ahead.next()?.1, ahead.next().map(|(_, c)| c));
        if first != '\\' && second != Some('\'') {
            let name = &body[1..];
            return Some(1 + name.find(|c| !is_word(c)).unwrap_or(name.len()));
        }
    }
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => _ = chars.next(),
            _ if c == quote => return Some(start + at + 1),
            _ => {}
        }
    }
    Some(text.len())
}

/// The tokens without the items under `#[cfg(test)]`.
fn without_tests(tokens: &[Token]) -> Vec<Token> {
    let mut kept = Vec::new();
    let mut rest = tokens;
    while !rest.is_empty() {
        if starts_with(rest, "# [ cfg ( test )") || starts_with(rest, "# [ cfg ( all ( test") {
            while starts_with(rest, "# [") {
                rest = &rest[group(&rest[1..]) + 1..];
            }
            rest = &rest[item(rest)..];
        } else {
            kept.push(rest[0].clone());
            rest = &rest[1..];
        }
    }
    kept
}

pub fn starts_with(tokens: &[Token], texts: &str) -> bool {
    let mut texts = texts.split(' ');
    let found = tokens.iter().zip(&mut texts).all(|(token, text)| token.text == text);
    found && texts.next().is_none()
}

/// The number of tokens of the group in brackets that they begin with; 1 if they begin with another token.
pub fn group(tokens: &[Token]) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// The number of tokens of the item that they begin with: up to its semicolon, or to the end of its block.
pub fn item(tokens: &[Token]) -> usize {
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += group(&tokens[at..]);
        let is_followed = tokens.get(at).is_some_and(|next| next.text == ";");
        if token.text == ";" || token.text == "{" && !is_followed {
            break;
        }
    }
    at
}

/// The blocks that are open at the end of the tokens: the first word of each, such as `impl` or `mod`, or nothing
/// for other blocks.
pub fn blocks(tokens: &[Token]) -> Vec<String> {
    const OPENERS: [&str; 4] = ["impl", "mod", "trait", "fn"];
    let mut open = Vec::new();
    let mut head = String::new();
    for token in tokens {
        match token.text.as_str() {
            "{" => open.push(std::mem::take(&mut head)),
            "}" => {
                open.pop();
                head.clear();
            }
            ";" => head.clear(),
            word if head.is_empty() && OPENERS.contains(&word) => head.push_str(word),
            _ => {}
        }
    }
    open
}
