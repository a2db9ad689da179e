#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

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

// `text` in lines of at most `cells` characters (code points), broken at spaces. A command in
// backticks is to be typed and never broken: a line of its own may be longer, as a long word is.
[[nodiscard]] std::vector<std::string> Folded(std::string_view text, std::size_t cells);

// `########....` of `width` cells.
[[nodiscard]] std::string Bar(double share, std::size_t width, bool unicode);

}  // namespace auspex::cli
