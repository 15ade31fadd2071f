//! Pages that stand alone: one HTML file with its style, its scripts and its data, which asks nothing of any network.
//!
//! Texts of strategies and their owners end up on these pages, so there are two ways in and no third: [`text`] for the body,
//! [`Page::data`] for scripts, which put it into the page as text only. The page's own policy lets the browser run exactly
//! the scripts that this program wrote.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

const STYLE: &str = include_str!("page/style.css");
/// Formatting, tables and the ground under charts; see the functions in it.
const BASE: &str = include_str!("page/base.js");

/// A page on its way.
#[derive(Debug)]
pub struct Page {
    title: String,
    under_title: String,
    body: String,
    data: String,
    scripts: Vec<&'static str>,
}

/// Rows of a table of names and what they are.
pub fn rows<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let row = |(name, value)| format!("<tr><th scope=\"row\">{}</th><td class=\"words\">{}</td></tr>", text(name), text(value));
    pairs.into_iter().map(row).collect()
}

/// The same of owned pairs.
pub fn rows_of(pairs: &[(String, String)]) -> String {
    rows(pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())))
}

/// `text` as it may stand in a body or an attribute.
pub fn text(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c if c.is_control() && c != '\n' => escaped.push('\u{fffd}'),
            c if turns_direction(c) => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Marks that turn the direction of what follows, and could make one number look like another.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

impl Page {
    /// An empty page. Both texts may come from anybody.
    pub fn new(title: &str, under_title: &str) -> Self {
        Self { title: text(title), under_title: text(under_title), body: String::new(), data: String::new(), scripts: vec![BASE] }
    }

    /// Adds a part with a heading, which the page's contents list; `html` must be made of escaped [`text`].
    pub fn section(&mut self, id: &'static str, heading: &str, html: &str) -> &mut Self {
        let heading = text(heading);
        _ = write!(self.body, "<section id=\"{id}\"><h2>{heading}</h2>\n{html}</section>\n");
        self
    }

    /// A box above everything else with what to beware of; none without lines, which may come from anybody.
    pub fn beware(&mut self, lines: &[String]) -> &mut Self {
        if !lines.is_empty() {
            let items: String = lines.iter().map(|line| format!("<li>{}</li>", text(line))).collect();
            _ = writeln!(self.body, "<div class=\"beware\" role=\"note\"><b>Beware</b><ul>{items}</ul></div>");
        }
        self
    }

    /// Hands `value` to the page's scripts, which get it by `data("id")`. It may hold any text.
    pub fn data(&mut self, id: &'static str, value: &impl Serialize) -> &mut Self {
        let json = serde_json::to_string(value).expect("what pages hold has only string keys");
        // Inside a script element only `<` can end it; in JSON it stands within strings only.
        let json = json.replace('<', "\\u003c").replace(turns_direction, "\u{fffd}");
        _ = writeln!(self.data, "<script type=\"application/json\" id=\"{id}\">{json}</script>");
        self
    }

    /// A script of this program, run after the page has been read.
    pub fn script(&mut self, script: &'static str) -> &mut Self {
        self.scripts.push(script);
        self
    }

    /// The page as a file.
    pub fn finish(&self) -> String {
        let Self { title, under_title, body, data, .. } = self;
        let policy = self.policy();
        let scripts: String = self.scripts.iter().map(|script| format!("<script>{script}</script>\n")).collect();
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"color-scheme\" content=\"light dark\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
             <header><div><h1>{title}</h1><p>{under_title}</p></div><button id=\"theme\" type=\"button\" title=\"Light or dark\">◐</button></header>\n\
             <nav id=\"contents\"></nav>\n<main>\n{body}</main>\n<div id=\"tip\" hidden></div>\n{data}{scripts}</body>\n</html>\n"
        )
    }

    /// What the browser may do with the page: run these scripts, by their digest, and reach nothing.
    fn policy(&self) -> String {
        let digest = |script: &&str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(script)));
        let digests: Vec<String> = self.scripts.iter().map(digest).collect();
        format!("default-src 'none'; style-src 'unsafe-inline'; script-src {}", digests.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_strangers_stay_texts() {
        let evil = "</script><script>alert(1)</script><img src=x onerror='alert(1)'>\u{202e}";
        let mut page = Page::new(evil, evil);
        page.beware(&[evil.to_owned()]).section("one", evil, &format!("<p>{}</p>", text(evil))).data("data", &[evil]);
        let html = page.finish();
        assert!(!html.contains("<script>alert") && !html.contains("<img") && !html.contains('\u{202e}'));
        assert_eq!(html.matches("</script>").count(), 2, "the data's and the program's own");
        let from = html.find("id=\"data\">").expect("the data") + "id=\"data\">".len();
        let json = &html[from..from + html[from..].find("</script>").expect("its end")];
        let expected = evil.replace('\u{202e}', "\u{fffd}");
        assert_eq!(serde_json::from_str::<[String; 1]>(json).expect("sound JSON"), [expected]);
    }

    #[test]
    fn a_page_asks_nothing_of_any_network() {
        let html = Page::new("a", "b").finish();
        assert!(html.contains("default-src 'none'") && html.contains("script-src 'sha256-"));
        for outside in ["http:", "https:", "src=", "href=", "@import", "url("] {
            assert!(!html.contains(outside), "{outside}");
        }
    }
}
