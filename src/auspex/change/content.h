#pragma once

#include <cstdint>
#include <string_view>

#include "auspex/change/change.h"
#include "auspex/change/features.h"

namespace auspex::change {

// Whether a file's contents tell anything here: no binary files, submodules, generated files,
// dependency files and documents.
[[nodiscard]] bool WorthReading(const FileChange& change);

// What the contents of a change's files, before and after, say of it:
//   complexity_delta  levels of nesting after less those before, summed over the files
//   cyclomatic_delta  decisions after less those before, of C, C++, Java, Go, Python, JavaScript,
//                     TypeScript and Rust
//   interface_delta   public declarations that came or went; one that changed does both
// (complexity.h). Not thread-safe.
class ContentDelta {
 public:
  void Add(const FileChange& change, std::string_view before, std::string_view after);
  void Fill(FeatureRow* row) const;

 private:
  std::int64_t nesting_ = 0;
  std::int64_t decisions_ = 0;
  std::int64_t declarations_ = 0;
};

}  // namespace auspex::change
