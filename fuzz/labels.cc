// What labels are read from: the first byte picks a commit message, the output of git diff-tree
// (and what of it is traced), or of git blame.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "auspex/change/fixes.h"
#include "auspex/change/git/blame.h"
#include "auspex/change/git/patch_parser.h"
#include "auspex/change/szz.h"
#include "fuzz/check.h"

namespace {

void CheckPatch(std::string_view bytes) {
  auspex::change::git::PatchParser parser;
  // In two pieces, cut anywhere.
  const auto half = bytes.size() / 2;
  if (!parser.Feed(bytes.substr(0, half)).ok() || !parser.Feed(bytes.substr(half)).ok()) return;
  if (!parser.Finish().ok()) return;
  while (const auto patch = parser.Next()) {
    for (const auto& file : LinesToTrace(patch->files)) {
      AUSPEX_FUZZ_CHECK(!file.ranges.empty() && !file.path.empty(), file.path);
      for (std::size_t i = 0; i < file.ranges.size(); ++i) {
        AUSPEX_FUZZ_CHECK(file.ranges[i].first <= file.ranges[i].last, file.path);
      }
    }
  }
}

void CheckMessage(std::string_view message) {
  const auto read = auspex::change::ReadFixMessage(message);
  for (const auto& views : {read.origins, read.reverts}) {
    for (const auto hex : views) {
      AUSPEX_FUZZ_CHECK(hex.size() >= 7 && hex.size() <= 64, std::string(hex));
    }
  }
}

void CheckBlame(std::string_view output) {
  const auto blames = auspex::change::git::ParseBlame(output);
  if (!blames.ok()) return;
  for (const auto& blame : *blames) AUSPEX_FUZZ_CHECK(blame.lines > 0, blame.origin.text());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string bytes(data + 1, data + size);
  if (data[0] % 3 == 0) CheckMessage(bytes);
  if (data[0] % 3 == 1) CheckPatch(bytes);
  if (data[0] % 3 == 2) CheckBlame(bytes);
  return 0;
}
