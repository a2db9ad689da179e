#include "auspex/change/file_kind.h"

#include <gtest/gtest.h>

#include "auspex/change/fixes.h"
#include "auspex/change/message.h"

namespace auspex::change {
namespace {

TEST(FileKind, TellsWhatAFileIsFor) {
  struct Case {
    const char* path;
    FileKind kind;
  };
  for (const Case& one : {Case{"db/migrate/20200101_add_users.rb", FileKind::kMigration},
                          Case{"app/migrations/0007_auto.py", FileKind::kMigration},
                          Case{"alembic/versions/ab12_x.py", FileKind::kMigration},
                          Case{"sql/V7__add_column.sql", FileKind::kMigration},
                          Case{"go.mod", FileKind::kDependency},
                          Case{"web/package-lock.json", FileKind::kDependency},
                          Case{"requirements-dev.txt", FileKind::kDependency},
                          Case{"requirements/base.txt", FileKind::kDependency},
                          Case{"vendor/github.com/x/go.mod", FileKind::kGenerated},
                          Case{"api/v1/service.pb.go", FileKind::kGenerated},
                          Case{"src/a_test.go", FileKind::kTest},
                          Case{"src/test_a.py", FileKind::kTest},
                          Case{"web/a.spec.ts", FileKind::kTest},
                          Case{"src/FooTest.java", FileKind::kTest},
                          Case{"src/Latest.java", FileKind::kSource},
                          Case{"tests/data/x.yaml", FileKind::kTest},
                          Case{"README.md", FileKind::kDocs},
                          Case{"docs/a.png", FileKind::kDocs},
                          Case{"Dockerfile.prod", FileKind::kInfrastructure},
                          Case{"deploy/chart/values.yaml", FileKind::kInfrastructure},
                          Case{".github/workflows/ci.yml", FileKind::kInfrastructure},
                          Case{"main.tf", FileKind::kInfrastructure},
                          Case{"config/app.yaml", FileKind::kConfig},
                          Case{"redis.conf", FileKind::kConfig},
                          Case{".env.production", FileKind::kConfig},
                          Case{"src/main.cc", FileKind::kSource},
                          Case{"", FileKind::kSource},
                          Case{"new\nline.c", FileKind::kSource}})
    EXPECT_EQ(KindOf(one.path), one.kind) << one.path;
}

TEST(FileKind, TellsWhatOthersCall) {
  for (const char* path :
       {"api/a.proto", "openapi.yaml", "include/lib/a.h", "schema.graphql", "types.d.ts"})
    EXPECT_TRUE(IsPublicInterface(path)) << path;
  for (const char* path : {"src/a.h", "a.ts", "include/README"})
    EXPECT_FALSE(IsPublicInterface(path)) << path;
}

TEST(FileKind, TakesPathsApart) {
  EXPECT_EQ(DirectoryOf("a/b/c"), "a/b");
  EXPECT_EQ(DirectoryOf("c"), "");
  EXPECT_EQ(NameOf("a/b/c"), "c");
  EXPECT_EQ(SubsystemOf("a/b/c"), "a");
  EXPECT_EQ(SubsystemOf("c"), "");
}

TEST(Message, TellsRevertsCherryPicksAndReviewers) {
  EXPECT_TRUE(IsRevert("Revert \"add x\"\n\nThis reverts commit 1234."));
  EXPECT_TRUE(IsRevert("undo\n\nThis reverts commit 1234."));
  EXPECT_TRUE(IsRevert("revert: add x"));
  EXPECT_FALSE(IsRevert("Reverted-by-nobody"));
  EXPECT_FALSE(IsRevert("add the command revert"));
  EXPECT_TRUE(IsCherryPick("x\n\n(cherry picked from commit 1234)"));
  EXPECT_FALSE(IsCherryPick("cherry"));
  EXPECT_EQ(ReviewersIn("x\n\nReviewed-by: A <a@x>\nreviewed-by:  A <a@x>\nAcked-by: B <b@x>\n"
                        "Signed-off-by: C <c@x>\nTested-by:"),
            2);
}

TEST(Fixes, AreToldByWords) {
  EXPECT_TRUE(IsFix("Fix crash"));
  EXPECT_TRUE(IsFix("net: BUG in the parser"));
  EXPECT_FALSE(IsFix("add a prefix"));
  EXPECT_FALSE(IsFix(""));
}

}  // namespace
}  // namespace auspex::change
