#include "auspex/base/log_writer.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace auspex {
namespace {

using ::testing::HasSubstr;

class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe2(fds_.data(), O_CLOEXEC), 0); }
  ~Pipe() {
    CloseWriter();
    ::close(fds_[0]);
  }
  [[nodiscard]] int writer() const { return fds_[1]; }
  void CloseWriter() {
    if (fds_[1] >= 0) ::close(fds_[1]);
    fds_[1] = -1;
  }
  // All that comes until the writers have closed.
  std::string ReadAll() {
    std::string all;
    std::array<char, 65536> chunk{};
    for (ssize_t got = 0; (got = ::read(fds_[0], chunk.data(), chunk.size())) > 0;)
      all.append(chunk.data(), static_cast<std::size_t>(got));
    return all;
  }

 private:
  std::array<int, 2> fds_{-1, -1};
};

TEST(LogWriter, WritesLinesInOrderBeforeItEnds) {
  Pipe pipe;
  std::string expected;
  {
    LogWriter writer(pipe.writer());
    const auto sink = writer.ToSink();
    for (int i = 0; i < 1000; ++i) {
      const std::string line = "line " + std::to_string(i) + "\n";
      sink(line);
      expected += line;
    }
  }
  pipe.CloseWriter();
  EXPECT_EQ(pipe.ReadAll(), expected);
}

TEST(LogWriter, AReaderThatDoesNotReadStopsNobody) {
  Pipe pipe;
  const std::string line(200, 'x');
  {
    LogWriter writer(pipe.writer());
    // More than pipe and queue hold.
    for (std::size_t i = 0; i < LogWriter::kMostLines + 1000; ++i) writer.Write(line + "\n");
    EXPECT_GT(writer.dropped(), 0);
  }  // ends though nobody has read
  pipe.CloseWriter();
  EXPECT_FALSE(pipe.ReadAll().empty());
}

TEST(LogWriter, SaysHowManyLinesWereDropped) {
  Pipe pipe;
  std::string all;
  std::thread reader;
  {
    LogWriter writer(pipe.writer());
    const std::string line(200, 'x');
    for (std::size_t i = 0; i < LogWriter::kMostLines + 1000; ++i) writer.Write(line + "\n");
    ASSERT_GT(writer.dropped(), 0);
    reader = std::thread([&] { all = pipe.ReadAll(); });
    // Until one is taken: there is room again.
    for (std::int64_t before = -1; before != writer.dropped();) {
      before = writer.dropped();
      writer.Write("later\n");
    }
  }
  pipe.CloseWriter();
  reader.join();
  EXPECT_THAT(all, HasSubstr("\"event\":\"log_lines_dropped\""));
  EXPECT_TRUE(all.ends_with("later\n"));
}

TEST(LogWriter, ADescriptorThatNobodyReadsAnyMoreIsNoEnd) {
  std::array<int, 2> fds{};
  ASSERT_EQ(::pipe2(fds.data(), O_CLOEXEC), 0);
  ::signal(SIGPIPE, SIG_IGN);
  ::close(fds[0]);
  {
    LogWriter writer(fds[1]);
    for (int i = 0; i < 100; ++i) writer.Write("lost\n");
  }
  ::close(fds[1]);
}

}  // namespace
}  // namespace auspex
