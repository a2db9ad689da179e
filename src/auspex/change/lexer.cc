#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

#include "auspex/change/complexity.h"

namespace auspex::change {
namespace {

bool IsWordByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '$' || byte >= 0x80;
}
bool IsDigit(char c) { return c >= '0' && c <= '9'; }

class Lexer {
 public:
  Lexer(std::string_view text, Language language) : text_(text), language_(language) {}

  std::vector<Token> Run() {
    while (at_ < text_.size()) Step();
    return std::move(tokens_);
  }

 private:
  [[nodiscard]] bool Ahead(std::string_view what) const {
    return text_.substr(at_, what.size()) == what;
  }
  [[nodiscard]] char Next(std::size_t further = 1) const {
    return at_ + further < text_.size() ? text_[at_ + further] : '\0';
  }
  [[nodiscard]] bool Is(Language a, Language b = Language::kOther) const {
    return language_ == a || language_ == b;
  }

  // Passes over bytes and counts the lines among them.
  void Skip(std::size_t bytes) {
    const std::size_t end = std::min(text_.size(), at_ + bytes);
    for (; at_ < end; ++at_) {
      if (text_[at_] == '\n') NewLine();
    }
  }
  void NewLine() {
    ++line_;
    line_begins_ = true;
  }
  void SkipLine(bool continues) {
    while (at_ < text_.size() && text_[at_] != '\n') {
      if (continues && text_[at_] == '\\') Skip(1);
      Skip(1);
    }
  }
  // To behind the next `end`, or to the end of the text.
  void SkipPast(std::string_view end) {
    const std::size_t found = text_.find(end, at_);
    Skip(found == std::string_view::npos ? text_.size() - at_ : found + end.size() - at_);
  }

  void Emit(Token::Kind kind, std::size_t bytes) {
    const bool margin = at_ == 0 || text_[at_ - 1] == '\n';
    tokens_.push_back({kind, text_.substr(at_, bytes), line_, line_begins_, margin});
    line_begins_ = false;
    at_ += bytes;
  }

  void Step() {
    const char c = text_[at_];
    if (c == '\n' || c == ' ' || c == '\t' || c == '\r') return Skip(1);
    if (SkipComment()) return;
    if (IsWordByte(c)) return TakeWord();
    if (c == '"' || c == '\'' || c == '`') return TakeQuote(c);
    if (c == '/' && Is(Language::kJavaScript) && OperandExpected()) return TakeRegex();
    TakeSign(c);
  }

  bool SkipComment() {
    if (Is(Language::kPython)) {
      if (text_[at_] != '#') return false;
      SkipLine(false);
      return true;
    }
    // A directive of the preprocessor decides nothing at run time.
    if (Is(Language::kC, Language::kCpp) && text_[at_] == '#' && line_begins_) {
      SkipLine(true);
      return true;
    }
    if (Ahead("//")) {
      SkipLine(Is(Language::kC, Language::kCpp));
      return true;
    }
    if (!Ahead("/*")) return false;
    Skip(2);
    if (Is(Language::kRust)) {
      SkipNestedComment();
    } else {
      SkipPast("*/");
    }
    return true;
  }

  void SkipNestedComment() {
    for (std::size_t depth = 1; depth > 0 && at_ < text_.size();) {
      if (Ahead("/*")) {
        ++depth;
        Skip(2);
      } else if (Ahead("*/")) {
        --depth;
        Skip(2);
      } else {
        Skip(1);
      }
    }
  }

  void TakeWord() {
    std::size_t size = 1;
    const bool number = IsDigit(text_[at_]);
    while (IsWordByte(Next(size)) ||
           // C++ parts the digits of a number so.
           (number && Is(Language::kCpp) && Next(size) == '\'' && IsWordByte(Next(size + 1)))) {
      ++size;
    }
    const std::string_view word = text_.substr(at_, size);
    const char quote = Next(size);
    if (quote == '"' && Is(Language::kCpp) && word.ends_with('R') && word.size() <= 3) {
      at_ += size;
      return SkipRawCpp();
    }
    const bool raw = word == "r" || word == "br" || word == "cr";
    if (raw && Is(Language::kRust) && (quote == '"' || quote == '#')) {
      if (SkipRawRust(size)) return;
    }
    Emit(Token::Kind::kWord, size);
  }

  // R"delimiter( … )delimiter", from its quote on.
  void SkipRawCpp() {
    constexpr std::size_t kDelimiterMost = 16;  // [lex.string]
    const std::size_t open = text_.substr(0, at_ + kDelimiterMost + 2).find('(', at_);
    if (open == std::string_view::npos) return Skip(1);
    const std::string end = ")" + std::string(text_.substr(at_ + 1, open - at_ - 1)) + "\"";
    SkipPast(end);
  }

  // r"…", r#"…"#; false for r#name.
  bool SkipRawRust(std::size_t prefix) {
    std::size_t marks = 0;
    while (Next(prefix + marks) == '#') ++marks;
    if (Next(prefix + marks) != '"') return false;
    Skip(prefix + marks + 1);
    SkipPast("\"" + std::string(marks, '#'));
    return true;
  }

  void TakeQuote(char quote) {
    const std::string triple(3, quote);
    if (Is(Language::kPython, Language::kJava) && quote != '`' && Ahead(triple)) {
      Skip(3);
      return SkipString(triple, true);
    }
    if (quote == '`') {
      if (Is(Language::kJavaScript)) return TakeTemplate();
      Skip(1);
      if (Is(Language::kGo)) SkipPast("`");
      return;
    }
    // A lifetime: 'a and no quote behind it.
    if (quote == '\'' && Is(Language::kRust) && Next() != '\\' && Next(2) != '\'') return Skip(1);
    const bool many_lines = Is(Language::kRust) && quote == '"';
    Skip(1);
    SkipString(std::string(1, quote), many_lines);
  }

  // To behind `end`, past what a backslash protects; without `many_lines` no further than the line.
  void SkipString(std::string_view end, bool many_lines) {
    while (at_ < text_.size() && !Ahead(end)) {
      if (!many_lines && text_[at_] == '\n') return;
      Skip(text_[at_] == '\\' ? 2 : 1);
    }
    Skip(end.size());
  }

  // From a ` or from the } that ends an inserted expression, to the end or the next ${.
  void TakeTemplate() {
    Skip(1);
    while (at_ < text_.size()) {
      if (text_[at_] == '`') return Skip(1);
      if (Ahead("${")) {
        templates_.push_back(braces_);
        return Skip(2);
      }
      Skip(text_[at_] == '\\' ? 2 : 1);
    }
  }

  [[nodiscard]] bool OperandExpected() const {
    if (tokens_.empty()) return true;
    const Token& last = tokens_.back();
    if (last.kind == Token::Kind::kSign)
      return last.text != ")" && last.text != "]" && last.text != "}";
    constexpr std::array<std::string_view, 8> kBefore = {"return", "typeof", "case", "in",
                                                         "of",     "delete", "void", "throw"};
    return std::find(kBefore.begin(), kBefore.end(), last.text) != kBefore.end();
  }

  void TakeRegex() {
    // One that does not end is looked for once at every slash: so a line must not be as long as it
    // likes.
    constexpr std::size_t kRegexMost = 4096;
    bool in_class = false;
    std::size_t size = 1;
    for (; at_ + size < text_.size(); ++size) {
      const char c = Next(size);
      if (c == '\n' || size > kRegexMost)
        return Emit(Token::Kind::kSign, 1);  // it was a division after all
      if (c == '\\') {
        ++size;
      } else if (c == '[') {
        in_class = true;
      } else if (c == ']') {
        in_class = false;
      } else if (c == '/' && !in_class) {
        break;
      }
    }
    Skip(size + 1);
  }

  void TakeSign(char c) {
    constexpr std::array<std::string_view, 7> kSigns = {"&&", "||", "??", "?.", "=>", "::", "->"};
    if (Is(Language::kJavaScript) && c == '}' && !templates_.empty() &&
        templates_.back() == braces_) {
      templates_.pop_back();
      return TakeTemplate();
    }
    if (c == '{') ++braces_;
    if (c == '}') --braces_;
    const std::string_view two = text_.substr(at_, 2);
    // `a?.5:b` is no optional chain.
    const bool known = std::find(kSigns.begin(), kSigns.end(), two) != kSigns.end() &&
                       !(two == "?." && IsDigit(Next(2)));
    Emit(Token::Kind::kSign, known ? 2 : 1);
  }

  std::string_view text_;
  Language language_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
  bool line_begins_ = true;
  std::int64_t braces_ = 0;
  std::vector<std::int64_t> templates_;  // the depth of braces at each ${ that is open
  std::vector<Token> tokens_;
};

}  // namespace

std::vector<Token> TokensOf(std::string_view text, Language language) {
  if (language == Language::kOther) return {};
  return Lexer(text, language).Run();
}

}  // namespace auspex::change
