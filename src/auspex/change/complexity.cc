#include "auspex/change/complexity.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

#include "auspex/change/file_kind.h"
#include "auspex/change/text_table.h"

namespace auspex::change {
namespace {

struct Indent {
  std::size_t tabs = 0, spaces = 0;
  bool blank = true;
};

Indent IndentOf(std::string_view line) {
  Indent indent;
  for (const char c : line) {
    if (c == '\t') {
      ++indent.tabs;
    } else if (c == ' ') {
      ++indent.spaces;
    } else {
      indent.blank = c == '\r';
      break;
    }
  }
  return indent;
}

template <typename F>
void EachLine(std::string_view text, const F& take) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    take(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// How many spaces a level has.
std::size_t StepOf(std::string_view text) {
  constexpr std::size_t kStepMost = 8;
  std::array<std::size_t, kStepMost + 1> seen{};
  std::size_t before = 0;
  EachLine(text, [&](std::string_view line) {
    const Indent indent = IndentOf(line);
    if (indent.blank) return;
    if (indent.spaces > before + 1 && indent.spaces - before <= kStepMost)
      ++seen[indent.spaces - before];
    before = indent.spaces;
  });
  const auto most = std::max_element(seen.begin(), seen.end());
  return *most == 0 ? 4 : static_cast<std::size_t>(most - seen.begin());
}

template <std::size_t N>
bool OneOf(std::string_view text, const std::array<std::string_view, N>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool BranchWord(std::string_view word, Language language) {
  constexpr std::array<std::string_view, 7> kCLike = {"if",    "for", "while", "case",
                                                      "catch", "and", "or"};
  constexpr std::array<std::string_view, 3> kGo = {"if", "for", "case"};
  constexpr std::array<std::string_view, 7> kPython = {"if",     "elif", "for", "while",
                                                       "except", "and",  "or"};
  constexpr std::array<std::string_view, 3> kRust = {"if", "while", "for"};
  switch (language) {
    case Language::kPython:
      return OneOf(word, kPython);
    case Language::kGo:
      return OneOf(word, kGo);
    case Language::kRust:
      return OneOf(word, kRust);
    case Language::kCpp:
      return OneOf(word, kCLike);
    case Language::kC:
    case Language::kJava:
    case Language::kJavaScript:
      return word != "and" && word != "or" && OneOf(word, kCLike);
    case Language::kOther:
      break;
  }
  return false;
}

std::string_view TextAt(const std::vector<Token>& tokens, std::size_t at) {
  return at < tokens.size() ? tokens[at].text : std::string_view();
}

bool IsDecision(const std::vector<Token>& tokens, std::size_t at, Language language) {
  const std::string_view text = tokens[at].text;
  const std::string_view before = at == 0 ? std::string_view() : tokens[at - 1].text;
  const std::string_view after = TextAt(tokens, at + 1);
  if (tokens[at].kind == Token::Kind::kWord) {
    // `x.for`, and Rust's `for<'a>`.
    return BranchWord(text, language) && before != "." && !(text == "for" && after == "<");
  }
  if (language == Language::kPython) return false;
  if (text == "&&" || text == "||") {
    // Rust's `||` of a closure without arguments stands where an operand does; and C++'s T&& in
    // front of a name cannot be told from a conjunction here: it is counted.
    const bool operand = before.empty() || before == "(" || before == "," || before == "=" ||
                         before == "move" || before == "return";
    return !(language == Language::kRust && text == "||" && operand);
  }
  if (language == Language::kRust) return text == "=>" && before != "_";
  if (text == "??") return language == Language::kJavaScript;
  // Not Java's wildcard `<?>`, nor TypeScript's `name?: type`, `name?)`, `name?,`.
  return text == "?" && language != Language::kGo && before != "<" && after != ":" &&
         after != ")" && after != "," && after != ">";
}

bool Exported(std::string_view name) { return !name.empty() && name[0] >= 'A' && name[0] <= 'Z'; }

// Whether the line that begins at `at` declares something that others can see.
bool Declares(const std::vector<Token>& tokens, std::size_t at, Language language) {
  const std::string_view text = tokens[at].text;
  const std::string_view next = TextAt(tokens, at + 1);
  switch (language) {
    case Language::kJava:
      return text == "public";
    case Language::kRust:
      return text == "pub" && next != "(";
    case Language::kJavaScript:
      return text == "export" || (text == "module" && TextAt(tokens, at + 2) == "exports");
    case Language::kPython: {
      if (!tokens[at].margin) return false;
      if (text == "async") return next == "def" && !TextAt(tokens, at + 2).starts_with('_');
      return (text == "def" || text == "class") && !next.starts_with('_');
    }
    case Language::kGo: {
      if (!tokens[at].margin) return false;
      if (text == "type" || text == "var" || text == "const") return Exported(next);
      if (text != "func") return false;
      if (next != "(") return Exported(next);
      std::size_t name = at + 1;  // behind the receiver
      while (name < tokens.size() && tokens[name].line == tokens[at].line &&
             tokens[name].text != ")")
        ++name;
      return Exported(TextAt(tokens, name + 1));
    }
    default:
      return false;
  }
}

}  // namespace

std::int64_t NestingOf(std::string_view text) {
  const std::size_t step = StepOf(text);
  std::size_t levels = 0;
  EachLine(text, [&](std::string_view line) {
    const Indent indent = IndentOf(line);
    if (!indent.blank) levels += indent.tabs + indent.spaces / step;
  });
  return static_cast<std::int64_t>(levels);
}

Language LanguageOf(std::string_view path) {
  struct Ending {
    std::string_view end;
    Language language;
  };
  constexpr std::array<Ending, 22> kEndings = {{
      {".c", Language::kC},
      {".h", Language::kCpp},
      {".cc", Language::kCpp},
      {".cpp", Language::kCpp},
      {".cxx", Language::kCpp},
      {".hh", Language::kCpp},
      {".hpp", Language::kCpp},
      {".hxx", Language::kCpp},
      {".ipp", Language::kCpp},
      {".java", Language::kJava},
      {".go", Language::kGo},
      {".py", Language::kPython},
      {".pyi", Language::kPython},
      {".js", Language::kJavaScript},
      {".jsx", Language::kJavaScript},
      {".mjs", Language::kJavaScript},
      {".cjs", Language::kJavaScript},
      {".ts", Language::kJavaScript},
      {".tsx", Language::kJavaScript},
      {".mts", Language::kJavaScript},
      {".rs", Language::kRust},
      {".C", Language::kCpp},
  }};
  const std::string_view name = NameOf(path);
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos) return Language::kOther;
  const std::string_view end = name.substr(dot);
  const auto found = std::find_if(kEndings.begin(), kEndings.end(),
                                  [end](const Ending& one) { return one.end == end; });
  return found == kEndings.end() ? Language::kOther : found->language;
}

std::int64_t DecisionsIn(const std::vector<Token>& tokens, Language language) {
  std::int64_t decisions = 0;
  bool implements = false;  // Rust's `impl Trait for Type`
  for (std::size_t at = 0; at < tokens.size(); ++at) {
    if (tokens[at].text == "impl") implements = true;
    if (tokens[at].text == "{") implements = false;
    if (implements && language == Language::kRust && tokens[at].text == "for") continue;
    if (IsDecision(tokens, at, language)) ++decisions;
  }
  return decisions;
}

std::vector<std::uint64_t> PublicDeclarations(const std::vector<Token>& tokens, Language language) {
  std::vector<std::uint64_t> declarations;
  for (std::size_t at = 0; at < tokens.size(); ++at) {
    if (!tokens[at].first || !Declares(tokens, at, language)) continue;
    std::string line;
    for (std::size_t i = at; i < tokens.size() && tokens[i].line == tokens[at].line; ++i) {
      if (tokens[i].text == "{") break;
      line += tokens[i].text;
      line += ' ';
    }
    declarations.push_back(HashOf(line));
  }
  std::sort(declarations.begin(), declarations.end());
  return declarations;
}

}  // namespace auspex::change
