// The lexers of source text, and what is counted from them. Every language reads every input.

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "auspex/change/complexity.h"
#include "fuzz/check.h"

namespace {

using auspex::change::Language;
using auspex::change::Token;

void CheckTokens(std::string_view text, Language language) {
  const auto tokens = auspex::change::TokensOf(text, language);
  const char* end = text.data();
  std::uint32_t line = 1;
  for (const Token& token : tokens) {
    AUSPEX_FUZZ_CHECK(!token.text.empty(), "an empty token");
    AUSPEX_FUZZ_CHECK(token.text.data() >= end, "tokens that overlap");
    AUSPEX_FUZZ_CHECK(token.line >= line, "lines that go back");
    AUSPEX_FUZZ_CHECK(token.text.find('\n') == std::string_view::npos, "a token of two lines");
    end = token.text.data() + token.text.size();
    line = token.line;
  }
  AUSPEX_FUZZ_CHECK(end <= text.data() + text.size(), "beyond the end");
  const auto decisions = auspex::change::DecisionsIn(tokens, language);
  AUSPEX_FUZZ_CHECK(decisions >= 0 && decisions <= static_cast<std::int64_t>(tokens.size()),
                    fmt::format("{} decisions", decisions));
  AUSPEX_FUZZ_CHECK(auspex::change::PublicDeclarations(tokens, language).size() <= tokens.size(),
                    "more declarations than tokens");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(data, data + size);
  for (const Language language : {Language::kC, Language::kCpp, Language::kJava, Language::kGo,
                                  Language::kPython, Language::kJavaScript, Language::kRust})
    CheckTokens(text, language);
  AUSPEX_FUZZ_CHECK(auspex::change::NestingOf(text) >= 0, "negative nesting");
  return 0;
}
