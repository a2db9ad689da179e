// ReadDataset, the history of its rows and its folds: any bytes.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "auspex/base/input.h"
#include "auspex/training/dataset.h"
#include "auspex/training/folds.h"
#include "auspex/training/history.h"
#include "fuzz/check.h"

namespace {

using auspex::training::Dataset;

// No infinity comes in or is made of what comes in; each row has its history.
void CheckHistory(const Dataset& data) {
  const auto history = HistoryOf(data);
  AUSPEX_FUZZ_CHECK(history.rows() == data.rows(), "a row without history");
  for (const double value : data.table.values) AUSPEX_FUZZ_CHECK(!std::isinf(value), "infinite");
  for (const double value : history.values) AUSPEX_FUZZ_CHECK(!std::isinf(value), "infinite");
}

void CheckFolds(const Dataset& data) {
  for (const auto& fold : TimeFolds(data, 5)) {
    for (const std::size_t row : fold.train)
      AUSPEX_FUZZ_CHECK(data.time[row] < fold.at && data.known_at[row] <= fold.at, "too early");
    for (const std::size_t row : fold.test)
      AUSPEX_FUZZ_CHECK(data.time[row] >= fold.at, "too late");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  auspex::training::ColumnRoles roles;
  roles.label = "failed";
  roles.time = "at";
  roles.group = "group";
  roles.keep_lines = true;
  const auto read = ReadDataset(auspex::TextInput(text), "t.csv", roles);
  if (!read.ok()) {
    AUSPEX_FUZZ_CHECK(read.error().code == auspex::ErrorCode::kInvalidArgument,
                      read.error().message);
    AUSPEX_FUZZ_CHECK(read.error().message.starts_with("t.csv:"), read.error().message);
    for (const char c : read.error().message) {
      const auto byte = static_cast<unsigned char>(c);
      AUSPEX_FUZZ_CHECK(byte >= 0x20 && byte != 0x7f, read.error().message);
    }
    return 0;
  }
  CheckHistory(*read);
  CheckFolds(*read);
  return 0;
}
