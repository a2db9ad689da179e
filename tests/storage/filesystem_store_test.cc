#include "auspex/storage/filesystem/filesystem_store.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/storage/support.h"

// What only the file system can show; the port's promises are in object_store_contract_test.cc.
namespace auspex::storage {
namespace {

namespace fs = std::filesystem;
using testing::ReadFile;
using testing::TempFolder;
using testing::WriteFile;

std::unique_ptr<ObjectStore> MustOpen(const std::string& folder) {
  auto store = FilesystemStore::Open(folder);
  EXPECT_TRUE(store.ok()) << store.error().message;
  return *std::move(store);
}

TEST(FilesystemStore, KeepsAnObjectInAFileOfItsName) {
  const TempFolder folder;
  ASSERT_TRUE(MustOpen(folder.Path("new/objects/"))->Put("ticks/d1.zst", "bytes").ok());
  EXPECT_EQ(ReadFile(folder.Path("new/objects/ticks/d1.zst")), "bytes");
  EXPECT_TRUE(fs::is_empty(folder.Path("new/objects/~tmp")));
  EXPECT_EQ(MustOpen(folder.Path("new/objects"))->Get("ticks/d1.zst"), std::string("bytes"));
}

TEST(FilesystemStore, DeletesWhatACrashLeftAndNeverListsIt) {
  const TempFolder folder;
  const auto first = MustOpen(folder.Path("objects"));
  ASSERT_TRUE(first->Put("a", "x").ok());
  WriteFile(folder.Path("objects/~tmp/99-0"), "half an obj");
  EXPECT_EQ(first->List(""), std::vector<std::string>{"a"});
  const auto second = MustOpen(folder.Path("objects"));
  EXPECT_FALSE(fs::exists(folder.Path("objects/~tmp/99-0")));
  EXPECT_EQ(second->List(""), std::vector<std::string>{"a"});
}

TEST(FilesystemStore, LeavesTheTemporaryFilesOfALivingWriterAlone) {
  const TempFolder folder;
  const auto store = MustOpen(folder.Path("objects"));
  std::thread opener([&] {
    for (int i = 0; i < 200; ++i) EXPECT_NE(MustOpen(folder.Path("objects")), nullptr);
  });
  for (int i = 0; i < 20; ++i) {
    const auto put = store->Put("a", "x");
    EXPECT_TRUE(put.ok()) << put.error().message;
  }
  opener.join();
}

TEST(FilesystemStore, RefusesANameThatIsAnothersFolder) {
  const TempFolder folder;
  const auto store = MustOpen(folder.Path("objects"));
  ASSERT_TRUE(store->Put("a/b", "x").ok());
  for (const char* const name : {"a", "a/b/c", "a/b/c/d"}) {
    const auto put = store->Put(name, "y");
    ASSERT_FALSE(put.ok()) << name;
    EXPECT_EQ(put.error().code, ErrorCode::kInvalidArgument) << name;
  }
  EXPECT_TRUE(store->Delete("a").ok());
  EXPECT_TRUE(store->Delete("a/b/c").ok());
  EXPECT_EQ(store->Get("a/b"), std::string("x"));
}

TEST(FilesystemStore, IgnoresForeignFiles) {
  const TempFolder folder;
  const auto store = MustOpen(folder.Path("objects"));
  ASSERT_TRUE(store->Put("a", "x").ok());
  WriteFile(folder.Path("objects/not ours"), "y");
  fs::create_directory(folder.Path("objects/lost+found"));
  WriteFile(folder.Path("objects/lost+found/b"), "y");
  EXPECT_EQ(store->List(""), std::vector<std::string>{"a"});
}

TEST(FilesystemStore, RefusesAFileInPlaceOfTheFolder) {
  const TempFolder folder;
  WriteFile(folder.Path("objects"), "x");
  const auto store = FilesystemStore::Open(folder.Path("objects"));
  ASSERT_FALSE(store.ok());
  EXPECT_EQ(store.error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(FilesystemStore::Open("").error().code, ErrorCode::kInvalidArgument);
}

TEST(FilesystemStore, ReadsAFolderItMayNotWrite) {
  const TempFolder folder;
  ASSERT_TRUE(MustOpen(folder.Path("objects"))->Put("a", "x").ok());
  ASSERT_EQ(chmod(folder.Path("").c_str(), 0755), 0);
  ASSERT_EQ(chmod(folder.Path("objects").c_str(), 0555), 0);
  ASSERT_EQ(chmod(folder.Path("objects/~tmp").c_str(), 0555), 0);
  const int status = testing::InUnprivilegedChild([&] {
    const auto store = FilesystemStore::Open(folder.Path("objects"));
    if (!store.ok()) return 1;
    if (!((*store)->Get("a") == std::string("x"))) return 2;
    const auto put = (*store)->Put("b", "x");
    if (put.ok() || put.error().code != ErrorCode::kPermissionDenied) return 3;
    const auto gone = (*store)->Delete("a");
    if (gone.ok() || gone.error().code != ErrorCode::kPermissionDenied) return 4;
    const auto inner = FilesystemStore::Open(folder.Path("objects/inner"));
    return inner.ok() || inner.error().code != ErrorCode::kPermissionDenied ? 5 : 0;
  });
  EXPECT_EQ(status, 0);
  ASSERT_EQ(chmod(folder.Path("objects").c_str(), 0755), 0);
  ASSERT_EQ(chmod(folder.Path("objects/~tmp").c_str(), 0755), 0);
}

TEST(FilesystemStore, KeepsTheOldObjectWhenTheNewOneDoesNotFit) {
  const TempFolder folder;
  ASSERT_TRUE(MustOpen(folder.Path("objects"))->Put("a", "old").ok());
  const int status = testing::InChild([&] {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    const auto store = FilesystemStore::Open(folder.Path("objects"));
    if (!store.ok()) return 2;
    const auto put = (*store)->Put("a", std::string(10'000, 'x'));
    if (put.ok() || put.error().code != ErrorCode::kUnavailable) return 3;
    if (!((*store)->Get("a") == std::string("old"))) return 4;
    return (*store)->Put("a", "new").ok() ? 0 : 5;
  });
  EXPECT_EQ(status, 0);
  EXPECT_EQ(ReadFile(folder.Path("objects/a")), "new");
  EXPECT_TRUE(fs::is_empty(folder.Path("objects/~tmp")));
}

}  // namespace
}  // namespace auspex::storage
