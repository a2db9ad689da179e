#pragma once

#include <string>
#include <string_view>

namespace auspex::cli {

// Draws a deployment as it moves. On a terminal a block that is drawn over itself; else a line
// whenever the weight, the state or the decision changes, and every ten seconds. Takes the API's
// deployment object. Not thread-safe.
class Picture {
 public:
  Picture();
  void Show(std::string_view deployment_json);

 private:
  void DrawBlock(std::string_view deployment_json);
  bool terminal_;
  bool colour_;
  int lines_drawn_ = 0;
  std::string last_;  // what of the last line must change for a new one
  std::string last_state_;
  double last_t_s_ = -1e9;
};

// What a decision of the API is called before people: what was refused before any traffic had
// nothing to roll back.
[[nodiscard]] std::string DecisionWord(std::string_view decision, std::string_view by,
                                       std::string_view reason);

// `########....` of `width` cells.
[[nodiscard]] std::string Bar(double share, std::size_t width, bool unicode);

}  // namespace auspex::cli
