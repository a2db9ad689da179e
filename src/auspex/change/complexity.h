#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace auspex::change {

// Levels of indentation summed over the lines that are not blank: a measure of nesting that needs
// no parser (Hindle, Godfrey and Holt, "Reading beside the lines: indentation as a proxy for
// complexity metrics", ICPC 2008). A tab is a level; of spaces the text's own step is: its most
// frequent increase from one line to the next, of 2 to 8, else 4.
[[nodiscard]] std::int64_t NestingOf(std::string_view text);

enum class Language : std::uint8_t { kC, kCpp, kJava, kGo, kPython, kJavaScript, kRust, kOther };
// By the file's name. TypeScript counts as JavaScript, Kotlin and Scala as kOther.
[[nodiscard]] Language LanguageOf(std::string_view path);

// What a lexer found in a source, its comments, strings and blanks left out.
struct Token {
  enum class Kind : std::uint8_t { kWord, kSign } kind = Kind::kSign;
  std::string_view
      text;  // a word (identifier, keyword, number), or a sign: one byte, or && || ?? ?. => :: ->
  std::uint32_t line = 0;
  bool first = false;   // on its line
  bool margin = false;  // at the line's very begin
};
// Knows comments, strings (raw, triple, templates with their ${…}), character literals against
// lifetimes, and regular expressions where an operand is expected. Any bytes; linear in them.
// Nothing for kOther.
[[nodiscard]] std::vector<Token> TokensOf(std::string_view text, Language language);

// Decisions: McCabe's cyclomatic complexity summed over the functions, less one for each
// ("A complexity measure", IEEE TSE 2(4), 1976): branches, loops, cases but not default, handlers,
// short-circuit operators, conditional operators.
[[nodiscard]] std::int64_t DecisionsIn(const std::vector<Token>& tokens, Language language);

// Declarations that others can see, each as the words of its line, sorted: exported names of Go,
// `public` of Java, `pub` of Rust, `export` of JavaScript, def and class of Python at the top that
// do not begin with _. C and C++: the declarations of headers are not told from their bodies; none.
[[nodiscard]] std::vector<std::uint64_t> PublicDeclarations(const std::vector<Token>& tokens,
                                                            Language language);

}  // namespace auspex::change
