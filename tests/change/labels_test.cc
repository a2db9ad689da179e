#include "auspex/change/labels.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "auspex/change/szz.h"

namespace auspex::change {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::int64_t kDay = LabelBook::kDay;

CommitId Id(int number) {
  return *CommitId::FromHex(
      fmt::format("{:08x}{:032x}", static_cast<unsigned>(number) * 0x01010101U, 0));
}

Commit Made(int number, std::int64_t day, std::string message) {
  Commit commit;
  commit.id = Id(number);
  if (number > 1) commit.parents = {Id(number - 1)};
  commit.commit_time_s = day * kDay;
  commit.message = std::move(message);
  FileChange file;
  file.path = "a.c";
  file.added = 10;
  commit.files = {file};
  return commit;
}

TEST(LabelBook, LabelsWhatAFixBlames) {
  LabelBook book;
  book.Add(Made(1, 0, "first"));
  book.Add(Made(2, 1, "second"));
  book.Add(Made(3, 9, "fix crash"));
  book.Add(Made(4, 20, "fix it again"));
  const auto fixes = book.Fixes();
  ASSERT_THAT(fixes, SizeIs(2));
  EXPECT_EQ(fixes[0].id, Id(3));
  EXPECT_EQ(fixes[0].parent, Id(2));
  EXPECT_TRUE(fixes[0].traced());
  book.AddBlame(fixes[1], {{Id(2), 1}});
  EXPECT_EQ(book.LabelOf(Id(2)), (Label{true, 20 * kDay}));
  // The first fix that tells counts, in whatever order they come.
  book.AddBlame(fixes[0], {{Id(2), 3}});
  EXPECT_EQ(book.LabelOf(Id(2)), (Label{true, 9 * kDay}));
  EXPECT_EQ(book.bugs(), 1U);
  // Nobody blames it: clean, once the waiting time is over.
  EXPECT_EQ(book.LabelOf(Id(1)), (Label{false, LabelBook::kUsualWait}));
  EXPECT_EQ(book.LabelOf(Id(4)), (Label{false, 20 * kDay + LabelBook::kUsualWait}));
  EXPECT_EQ(book.LabelOf(Id(9)), std::nullopt);
}

TEST(LabelBook, BlamesTheLatestWriter) {
  LabelBook book;
  for (int i = 1; i <= 3; ++i) book.Add(Made(i, i, "work"));
  book.Add(Made(4, 9, "fix"));
  book.AddBlame(book.Fixes()[0], {{Id(1), 9}, {Id(3), 1}, {Id(2), 5}});
  EXPECT_TRUE(book.LabelOf(Id(3))->bug);
  EXPECT_EQ(book.bugs(), 1U);
}

TEST(LabelBook, PassesOverWhoCannotBeToBlame) {
  LabelBook book;
  auto import = Made(1, 0, "import");
  import.files[0].added = kMostBlamedLines + 1;
  book.Add(import);
  auto wide = Made(2, 1, "move");
  wide.files.resize(kMostBlamedFiles + 1, wide.files[0]);
  book.Add(wide);
  auto tidy = Made(3, 2, "rename");
  tidy.files.assign(kMechanicalFiles, tidy.files[0]);
  for (auto& file : tidy.files) file.deleted = file.added;
  book.Add(tidy);
  book.Add(Made(4, 99, "clock ahead"));
  book.Add(Made(5, 3, "fix"));
  book.Add(Made(6, 4, "later"));
  EXPECT_THAT(book.Mechanical(), ElementsAre(Id(3)));
  book.AddBlame(
      book.Fixes()[0],
      {{Id(1), 1}, {Id(2), 1}, {Id(3), 1}, {Id(4), 1}, {Id(5), 1}, {Id(6), 1}, {Id(77), 1}});
  EXPECT_EQ(book.bugs(), 0U);
}

TEST(LabelBook, TakesThePersonsWordForReverts) {
  LabelBook book;
  book.Add(Made(1, 0, "root"));
  auto large = Made(2, 1, "Add names");
  large.files[0].added = kMostBlamedLines + 1;
  book.Add(large);
  book.Add(Made(3, 2, "Add colours"));
  book.Add(Made(4, 5, "Revert \"Add names\"\n\nThis reverts commit " + Id(2).text() + "."));
  book.Add(Made(5, 6, "Revert \"Add colours\""));
  book.Add(Made(6, 7, "Revert \"what is not here\""));
  book.Add(Made(7, 8, "Fixes: " + Id(3).text().substr(0, 12) + " (\"Add colours\")"));
  const auto fixes = book.Fixes();
  ASSERT_THAT(fixes, SizeIs(3));
  for (const auto& fix : fixes) {
    EXPECT_FALSE(fix.traced());
    book.AddNamed(fix);
  }
  EXPECT_EQ(book.LabelOf(Id(2)), (Label{true, 5 * kDay}));
  EXPECT_EQ(book.LabelOf(Id(3)), (Label{true, 6 * kDay}));
}

TEST(LabelBook, ResolvesOnlyWhatIsPlain) {
  LabelBook book;
  book.Add(Made(1, 0, "root"));
  book.Add(Made(2, 1, "work"));
  // Named before it is there, and an abbreviation of two.
  auto twin = Made(9, 2, "twin");
  twin.id = *CommitId::FromHex(Id(2).text().substr(0, 39) + "1");
  book.Add(twin);
  book.Add(Made(4, 3, "broken by " + Id(5).text().substr(0, 10)));
  book.Add(Made(5, 4, "broken by " + Id(2).text().substr(0, 10)));
  for (const auto& fix : book.Fixes()) EXPECT_TRUE(fix.traced());
  EXPECT_THAT(book.Fixes(), SizeIs(2));
}

// The waiting time is a quantile of this repository's own times from bug to fix, over commits that
// had time to show theirs.
TEST(LabelBook, WaitsAsLongAsItsBugsTake) {
  const auto waited = [](int bugs, std::int64_t days) {
    LabelBook book;
    int number = 1;
    for (int i = 0; i < bugs; ++i) book.Add(Made(number++, i, "work"));
    for (int i = 0; i < bugs; ++i) book.Add(Made(number++, i + days, "fix"));
    const auto fixes = book.Fixes();
    for (int i = 0; i < bugs; ++i)
      book.AddBlame(fixes[static_cast<std::size_t>(i)], {{Id(i + 1), 1}});
    return book.wait_s() / kDay;
  };
  EXPECT_EQ(waited(60, 45), 45);
  EXPECT_EQ(waited(60, 1), 30);
  EXPECT_EQ(waited(60, 4000), 365);
  EXPECT_EQ(waited(40, 45), 90);  // too few to tell
}

TEST(LabelBook, OfNothingIsEmpty) {
  const LabelBook book;
  EXPECT_THAT(book.Fixes(), IsEmpty());
  EXPECT_EQ(book.LabelOf(Id(1)), std::nullopt);
  EXPECT_EQ(book.wait_s(), LabelBook::kUsualWait);
}

}  // namespace
}  // namespace auspex::change
