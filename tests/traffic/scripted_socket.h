#pragma once

#include <atomic>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <thread>

namespace auspex::testing {

// A unix socket server that behaves as badly as its script says, one connection after the other.
class ScriptedSocket {
 public:
  class Connection {
   public:
    explicit Connection(int fd) : fd_(fd) {}
    // Without its line end; empty if the peer left before.
    std::string ReadLine();
    // False once the peer has left.
    bool Write(std::string_view bytes);
    void WaitUntilThePeerLeaves();

   private:
    int fd_;
  };
  using Script = std::function<void(Connection&)>;

  // The connection is closed when the script returns.
  explicit ScriptedSocket(Script script);
  // Reads a line, answers it, closes.
  static Script Answering(std::function<std::string(const std::string& command)> answer);
  ScriptedSocket(const ScriptedSocket&) = delete;
  ScriptedSocket& operator=(const ScriptedSocket&) = delete;
  ~ScriptedSocket();

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  void Run();

  Script script_;
  std::filesystem::path folder_;
  std::string path_;
  int listener_ = -1;
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

}  // namespace auspex::testing
