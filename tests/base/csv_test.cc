#include "auspex/base/csv.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>
#include <vector>

namespace auspex {
namespace {

struct Read {
  std::vector<std::vector<std::string>> rows;
  std::string error;
};

Read ReadAll(std::unique_ptr<Input> input, const std::vector<std::string>& wanted,
             const std::vector<std::string>& optional = {}) {
  Read read;
  auto table = CsvTable::Open(std::move(input), "t.csv", wanted, optional);
  if (!table.ok()) return {{}, table.error().message};
  for (;;) {
    const auto row = table->Next();
    if (!row.ok()) return {read.rows, row.error().message};
    if (!*row) return read;
    std::vector<std::string>& cells = read.rows.emplace_back();
    for (std::size_t i = 0; i < wanted.size() + optional.size(); ++i)
      cells.emplace_back(table->Text(i));
  }
}
Read ReadAll(std::string_view text) { return ReadAll(TextInput(text), {"a", "b"}, {"route"}); }

using Rows = std::vector<std::vector<std::string>>;

TEST(CsvTable, ReadsWhatPeopleWrite) {
  const Rows rows = {{"1", "2", ""}, {"3", "4", ""}};
  EXPECT_EQ(ReadAll("a,b\n1,2\n3,4\n").rows, rows);
  EXPECT_EQ(ReadAll("a,b\r\n1,2\r\n3,4").rows, rows);
  EXPECT_EQ(ReadAll("b,a\n2,1\n4,3\n").rows, rows);
  EXPECT_EQ(ReadAll("\xEF\xBB\xBF\"a\",\"b\"\n\"1\",2\n\n3, 4\n\n").rows, rows);
  EXPECT_EQ(ReadAll("a,other,b\n1,x,2\n3,,4\n").rows, rows);
  const Rows quoted = {{"x,\"y\"\nz", "2", "/pay"}};
  EXPECT_EQ(ReadAll("a,b,route\n\"x,\"\"y\"\"\nz\",2,/pay\n").rows, quoted);
}

TEST(CsvTable, SaysWhereAndWhatIsWrong) {
  const auto expect = [](std::string_view text, std::string_view begin, std::string_view word) {
    const std::string error = ReadAll(text).error;
    EXPECT_TRUE(error.starts_with(begin)) << error;
    EXPECT_NE(error.find(word), std::string::npos) << error;
  };
  expect("", "t.csv:1:1: ", "empty");
  expect("1,2\n3,4\n", "t.csv:1:1: ", "no column 'a'");
  expect("a\n1\n", "t.csv:1:1: ", "no column 'b'");
  expect("a,b,rout\n", "t.csv:1:5: ", "did you mean route?");
  expect("a,b,a\n", "t.csv:1:5: ", "twice");
  expect("a,b\n1,2\n1\n", "t.csv:3:1: ", "1 fields where the header has 2");
  expect("a,b\n1,2,3\n", "t.csv:2:1: ", "3 fields");
  expect("a,b\n1,\"2\n3,4\n", "t.csv:2:3: ", "never closed");
  expect("a,b\n1,\"2\"x\n", "t.csv:2:6: ", "behind a closing quote");
  expect("a,b\n1,2\"\n", "t.csv:2:4: ", "quote inside a field");
  expect("a,b\r1,2\r", "t.csv:1:4: ", "carriage return");
  expect(std::string_view("a,b\n1,\0\n", 8), "t.csv:2:3: ", "no text");
  expect(std::string(70'000, 'a'), "t.csv:1:", "longer than");
  expect(std::string(300, ','), "t.csv:1:", "more than 256 fields");
}

TEST(CsvTable, ReadsNumbersAndTimes) {
  const auto cell = [](const std::string& text, auto get) {
    const std::string all = "a,b\n" + text + ",\n";
    auto table = CsvTable::Open(TextInput(all), "t.csv", {"a", "b"}, {});
    EXPECT_TRUE(table.ok() && table->Next().value_or(false));
    return get(*table);
  };
  const auto number = [](const CsvTable& table) { return table.Number(0); };
  EXPECT_EQ(cell("-1.5e3", number).value(), -1500.0);
  EXPECT_EQ(cell("", number).value(), std::nullopt);
  EXPECT_EQ(cell("NaN", number).value(), std::nullopt);
  for (const char* bad : {"inf", "-inf", "1e999", "12ms", "1_000", "0x1", "abc", "1 2"})
    EXPECT_EQ(cell(bad, number).error().code, ErrorCode::kInvalidArgument) << bad;
  EXPECT_NE(cell("12ms", number).error().message.find("t.csv:2:1: a: '12ms'"), std::string::npos);
  const auto time = [](const CsvTable& table) { return table.Time(0); };
  EXPECT_EQ(cell("2026-11-24T11:13:27.5Z", time).value(), 1795518807.5);
  EXPECT_EQ(cell("1700000000.25", time).value(), 1700000000.25);
  for (const char* bad : {"", "nan", "yesterday", "1700000000000"})
    EXPECT_EQ(cell(bad, time).error().code, ErrorCode::kInvalidArgument) << bad;
}

std::string Quoted(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

RC_GTEST_PROP(CsvTable, WhatIsWrittenIsRead, ()) {
  const auto cell =
      rc::gen::container<std::string>(rc::gen::element('a', ',', '"', '\n', '\r', ' ', '\t', '7'));
  const auto cells = *rc::gen::container<std::vector<std::string>>(cell);
  std::string text = "a,b\n";
  Rows rows;
  for (const std::string& one : cells) {
    text += Quoted(one) + ",1\n";
    rows.push_back({one, "1"});
    // Cells are trimmed of spaces and tabs.
    std::string& told = rows.back()[0];
    told.erase(0, std::min(told.find_first_not_of(" \t"), told.size()));
    told.erase(told.find_last_not_of(" \t") + 1);
  }
  const Read read = ReadAll(TextInput(text), {"a", "b"});
  RC_ASSERT(read.error.empty());
  RC_ASSERT(read.rows == rows);
}

class InputFile : public testing::Test {
 protected:
  void SetUp() override {
    path_ = std::filesystem::temp_directory_path() / ("auspex_input_" + std::to_string(::getpid()));
  }
  void TearDown() override { std::filesystem::remove(path_); }
  void Pack(const std::string& text) const {
    gzFile file = gzopen(path_.c_str(), "wb");
    ASSERT_EQ(gzwrite(file, text.data(), static_cast<unsigned>(text.size())),
              static_cast<int>(text.size()));
    gzclose(file);
  }
  [[nodiscard]] Read Take() const {
    auto input = OpenInput(path_.string());
    if (!input.ok()) return {{}, input.error().message};
    return ReadAll(*std::move(input), {"a", "b"});
  }
  std::filesystem::path path_;
};

TEST_F(InputFile, UnpacksWhateverTheName) {
  Pack("a,b\n1,2\n");
  EXPECT_EQ(Take().rows, (Rows{{"1", "2"}}));
}

TEST_F(InputFile, ACutFileIsRefused) {
  std::string text = "a,b\n";
  for (int i = 0; i < 20'000; ++i) text += std::to_string(i * 7919 % 10'007) + ",2\n";
  Pack(text);
  const auto size = std::filesystem::file_size(path_);
  for (const auto keep : {size - 1, size - 9, size / 2, std::uintmax_t{20}}) {
    Pack(text);
    std::filesystem::resize_file(path_, keep);
    EXPECT_NE(Take().error.find("cut short"), std::string::npos) << keep << Take().error;
  }
  Pack(text);
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(size / 2));
  file.write("damaged!", 8);
  file.close();
  EXPECT_FALSE(Take().error.empty());
}

TEST_F(InputFile, SaysWhatCannotBeOpened) {
  EXPECT_EQ(OpenInput(path_.string()).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(OpenInput("/").error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace auspex
