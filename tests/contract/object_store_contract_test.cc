#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "auspex/storage/filesystem/filesystem_store.h"
#include "auspex/storage/object_store.h"
#include "tests/storage/support.h"

// What every ObjectStore promises. Another adapter joins with a rig in AllObjectStoreRigs.
namespace auspex::storage {
namespace {

// A store and what it lives in.
struct ObjectStoreWorld {
  std::unique_ptr<testing::TempFolder> folder;
  std::unique_ptr<ObjectStore> store;
};

struct ObjectStoreRig {
  std::string name;
  std::function<ObjectStoreWorld()> make;
};

std::vector<ObjectStoreRig> AllObjectStoreRigs() {
  return {{"filesystem",
           [] {
             auto folder = std::make_unique<testing::TempFolder>();
             auto store = FilesystemStore::Open(folder->Path("objects"));
             return ObjectStoreWorld{std::move(folder), *std::move(store)};
           }},
          {"memory", [] {
             return ObjectStoreWorld{nullptr, std::make_unique<testing::MemoryStore>()};
           }}};
}

class ObjectStoreContract : public ::testing::TestWithParam<ObjectStoreRig> {
 protected:
  ObjectStore& store() { return *world_.store; }

 private:
  ObjectStoreWorld world_ = GetParam().make();
};

TEST_P(ObjectStoreContract, GivesBackWhatWasPut) {
  std::string bytes = "line\n";
  bytes.push_back('\0');
  bytes += "\xff\xfe";
  ASSERT_TRUE(store().Put("ticks/d1.zst", bytes).ok());
  EXPECT_EQ(store().Get("ticks/d1.zst"), bytes);
  ASSERT_TRUE(store().Put("empty", "").ok());
  EXPECT_EQ(store().Get("empty"), std::string());
}

TEST_P(ObjectStoreContract, ReplacesAnObjectAsAWhole) {
  ASSERT_TRUE(store().Put("a/b", "a long first text").ok());
  ASSERT_TRUE(store().Put("a/b", "short").ok());
  EXPECT_EQ(store().Get("a/b"), std::string("short"));
}

TEST_P(ObjectStoreContract, SaysThatAnObjectIsNotThere) {
  ASSERT_TRUE(store().Put("a/b", "x").ok());
  for (const char* const name : {"absent", "a", "a/b/c", "a/c"}) {
    const auto got = store().Get(name);
    ASSERT_FALSE(got.ok()) << name;
    EXPECT_EQ(got.error().code, ErrorCode::kNotFound) << name;
    EXPECT_NE(got.error().message.find(name), std::string::npos);
  }
}

TEST_P(ObjectStoreContract, ListsByPrefixSorted) {
  for (const char* const name : {"ticks/d2", "models/m", "ticks/d1", "ticks-old"}) {
    ASSERT_TRUE(store().Put(name, "x").ok());
  }
  const std::vector<std::string> all = {"models/m", "ticks-old", "ticks/d1", "ticks/d2"};
  EXPECT_EQ(store().List(""), all);
  EXPECT_EQ(store().List("ticks/"), (std::vector<std::string>{"ticks/d1", "ticks/d2"}));
  EXPECT_EQ(store().List("tick"), (std::vector<std::string>{"ticks-old", "ticks/d1", "ticks/d2"}));
  EXPECT_EQ(store().List("../"), std::vector<std::string>());
}

TEST_P(ObjectStoreContract, DeletesAndDeletesAgain) {
  ASSERT_TRUE(store().Put("a/b", "x").ok());
  ASSERT_TRUE(store().Delete("a/b").ok());
  EXPECT_TRUE(store().Delete("a/b").ok());
  EXPECT_TRUE(store().Delete("never/was").ok());
  EXPECT_FALSE(store().Get("a/b").ok());
  EXPECT_EQ(store().List(""), std::vector<std::string>());
}

TEST_P(ObjectStoreContract, RefusesNamesThatLeaveTheStore) {
  const std::vector<std::string> bad = {
      "",
      "/",
      "/etc/x",
      "..",
      "../x",
      "a/../b",
      "a/./b",
      "a//b",
      "a/",
      ".",
      "a b",
      "a\\b",
      "~tmp/x",
      std::string("a\0b", 3),
      "é",
      std::string(201, 'a'),
      std::string(150, 'a') + "/" + std::string(180, 'b') + "/" + std::string(190, 'c')};
  for (const std::string& name : bad) {
    const auto put = store().Put(name, "x");
    ASSERT_FALSE(put.ok()) << name;
    EXPECT_EQ(put.error().code, ErrorCode::kInvalidArgument) << name;
    EXPECT_EQ(store().Get(name).error().code, ErrorCode::kInvalidArgument) << name;
    EXPECT_EQ(store().Delete(name).error().code, ErrorCode::kInvalidArgument) << name;
  }
  EXPECT_EQ(store().List(""), std::vector<std::string>());
}

TEST_P(ObjectStoreContract, AReaderNeverSeesAPartOfAPut) {
  const std::string one(200'000, '1');
  const std::string two(100'000, '2');
  ASSERT_TRUE(store().Put("o", one).ok());
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int i = 0; i < 20; ++i) EXPECT_TRUE(store().Put("o", i % 2 == 0 ? two : one).ok());
    done = true;
  });
  while (!done) {
    const auto got = store().Get("o");
    EXPECT_TRUE(got.ok() && (*got == one || *got == two));
  }
  writer.join();
}

INSTANTIATE_TEST_SUITE_P(Every, ObjectStoreContract, ::testing::ValuesIn(AllObjectStoreRigs()),
                         [](const auto& rig) { return rig.param.name; });

}  // namespace
}  // namespace auspex::storage
