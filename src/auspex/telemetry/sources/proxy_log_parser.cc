#include "auspex/telemetry/sources/proxy_log_parser.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <limits>

namespace auspex::telemetry {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// What the first bytes of a frame say. kMore: too few of them to tell.
struct FrameHeader {
  enum class State { kGood, kBad, kMore };
  State state = State::kMore;
  std::size_t header_bytes = 0;
  std::size_t message_bytes = 0;
};

FrameHeader ReadFrameHeader(std::string_view bytes) {
  using State = FrameHeader::State;
  std::size_t length = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (c == ' ' && i > 0) {
      if (i + 1 == bytes.size()) return {State::kMore};
      if (bytes[i + 1] != '<') return {State::kBad};
      return {State::kGood, i + 1, length};
    }
    if (!IsDigit(c) || (i == 0 && c == '0')) return {State::kBad};
    length = length * 10 + static_cast<std::size_t>(c - '0');
    if (length > FrameSplitter::kMaxFrameBytes) return {State::kBad};
  }
  return {State::kMore};
}

// Does a syslog header `<PRI>1 ` (PRI of 1 to 3 digits) stand here?
FrameHeader::State ReadPriority(std::string_view bytes) {
  using State = FrameHeader::State;
  if (bytes.empty()) return State::kMore;
  if (bytes[0] != '<') return State::kBad;
  std::size_t digits = 0;
  while (1 + digits < bytes.size() && digits < 4 && IsDigit(bytes[1 + digits])) ++digits;
  const std::string_view rest = bytes.substr(1 + digits);
  if (digits > 3) return State::kBad;
  const std::string_view end = ">1 ";
  if (rest.substr(0, 3) != end.substr(0, std::min<std::size_t>(rest.size(), 3))) return State::kBad;
  if (rest.size() < 3) return State::kMore;
  return digits == 0 ? State::kBad : State::kGood;
}

// `<1>1 - - - - - -`, the shortest header of RFC 5424: a smaller length is no frame's.
constexpr std::size_t kShortestMessage = 16;

FrameHeader::State ReadWholeHeader(std::string_view bytes) {
  const FrameHeader header = ReadFrameHeader(bytes);
  if (header.state != FrameHeader::State::kGood) return header.state;
  if (header.message_bytes < kShortestMessage) return FrameHeader::State::kBad;
  return ReadPriority(bytes.substr(header.header_bytes));
}

}  // namespace

void FrameSplitter::Append(std::string_view bytes) {
  buffer_.erase(0, read_);
  read_ = 0;
  buffer_.append(bytes);
}

// True where a whole header begins at read_; false when the bytes there do not tell yet.
bool FrameSplitter::Resynchronise() {
  for (; read_ < buffer_.size(); ++read_) {
    const auto state = after_digit_ ? FrameHeader::State::kBad
                                    : ReadWholeHeader(std::string_view(buffer_).substr(read_));
    if (state == FrameHeader::State::kGood) {
      skipping_ = false;
      return true;
    }
    if (state == FrameHeader::State::kMore) return false;
    after_digit_ = IsDigit(buffer_[read_]);
  }
  return false;
}

std::optional<std::string_view> FrameSplitter::Next() {
  while (true) {  // ends: each round returns, or moves on in a finite buffer
    if (skipping_ && !Resynchronise()) return std::nullopt;
    const std::string_view rest = std::string_view(buffer_).substr(read_);
    const FrameHeader header = ReadFrameHeader(rest);
    if (header.state == FrameHeader::State::kMore) return std::nullopt;
    if (header.state == FrameHeader::State::kBad) {
      ++malformed_;
      skipping_ = true;
      after_digit_ = false;
      continue;
    }
    if (rest.size() - header.header_bytes < header.message_bytes) return std::nullopt;
    read_ += header.header_bytes + header.message_bytes;
    return rest.substr(header.header_bytes, header.message_bytes);
  }
}

bool IsServerError(std::int32_t status, std::string_view state) {
  const char cause = state.empty() ? '-' : state[0];
  const char phase = state.size() < 2 ? '-' : state[1];
  if (cause == 'S' || cause == 's') return true;
  if ((cause == 'C' || cause == 'c') && phase != 'D' && phase != 'L') return false;
  return status >= 500;
}

namespace {

// Year 9999, so that sums of times and latencies cannot overflow.
constexpr std::int64_t kMaxSeconds = 253'402'300'799;
constexpr std::int64_t kMaxMicros = kMaxSeconds * 1'000'000;

bool IsUnset(std::string_view text) { return text.empty() || text == "-"; }

// Whole number in [least, most]; nullopt for anything else.
std::optional<std::int64_t> ToInteger(std::string_view text, std::int64_t least,
                                      std::int64_t most) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (value < least || value > most) return std::nullopt;
  return value;
}

// `seconds` or `seconds.fraction` (up to 6 digits) in microseconds.
std::optional<std::int64_t> ToMicros(std::string_view text) {
  const std::size_t dot = text.find('.');
  const auto seconds = ToInteger(text.substr(0, dot), 0, kMaxSeconds - 1);
  if (!seconds || dot == std::string_view::npos) {
    return seconds ? std::optional(*seconds * 1'000'000) : std::nullopt;
  }
  const std::string_view fraction = text.substr(dot + 1);
  auto micros = fraction.size() > 6 ? std::nullopt : ToInteger(fraction, 0, 999'999);
  if (!micros) return std::nullopt;
  for (std::size_t i = fraction.size(); i < 6; ++i) *micros *= 10;
  return *seconds * 1'000'000 + *micros;
}

struct Message {
  std::int64_t process = 0;
  std::string_view text;
};

std::string_view TakeToken(std::string_view& rest) {
  const std::size_t space = std::min(rest.find(' '), rest.size());
  const std::string_view token = rest.substr(0, space);
  rest.remove_prefix(std::min(space + 1, rest.size()));
  return token;
}

// Behind STRUCTURED-DATA: `-`, or elements in brackets whose quoted values escape `]` with `\`.
std::string_view SkipStructuredData(std::string_view rest) {
  if (rest.empty() || rest[0] != '[') {
    TakeToken(rest);
    return rest;
  }
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (rest[i] == '\\') {
      ++i;
    } else if (rest[i] == ']' && (i + 1 == rest.size() || rest[i + 1] == ' ')) {
      return rest.substr(std::min(i + 2, rest.size()));
    }
  }
  return {};
}

// RFC 5424 §6: <PRI>VERSION TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG.
std::optional<Message> SplitMessage(std::string_view message) {
  if (ReadPriority(message) != FrameHeader::State::kGood) return std::nullopt;
  std::string_view rest = message;
  for (int i = 0; i < 4; ++i) TakeToken(rest);
  const std::string_view process = TakeToken(rest);
  TakeToken(rest);
  rest = SkipStructuredData(rest);
  if (rest.substr(0, 3) == "\xEF\xBB\xBF") rest.remove_prefix(3);
  if (rest.empty()) return std::nullopt;
  const auto id = ToInteger(process, 0, std::numeric_limits<std::int64_t>::max());
  return Message{id.value_or(0), rest};
}

bool NeedsMending(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte >= 0x80 || c == '\\';
}

// HAProxy's +E escapes `"`, `\` and `]` (for RFC 5424); JSON knows no `\]`. Control characters and
// bytes that are not UTF-8 become `?`. In place; the text never grows.
void MendJson(std::string& text) {
  const bool utf8 = simdjson::validate_utf8(text.data(), text.size());
  std::size_t out = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (text[i] == '\\' && i + 1 < text.size()) {
      const bool known =
          std::string_view("\"\\/bfnrtu").find(text[i + 1]) != std::string_view::npos;
      if (!known) continue;
      text[out++] = text[i++];
      text[out++] = text[i];
    } else {
      const bool bad = byte < 0x20 || (byte >= 0x80 && !utf8);
      text[out++] = bad ? '?' : text[i];
    }
  }
  text.resize(out);
}

// At most kMaxRouteBytes, not cutting a UTF-8 character in two.
std::string_view ToRoute(std::string_view text) {
  if (IsUnset(text)) return "/";
  if (text.size() <= kMaxRouteBytes) return text;
  std::size_t end = kMaxRouteBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end);
}

struct Fields {
  std::string_view backend, server, status, latency, end, start, route, state, counter, host;

  // Where the value of `key` goes; nullptr: it is not read.
  std::string_view* Slot(std::string_view key) {
    if (key == "b") return &backend;
    if (key == "s") return &server;
    if (key == "st") return &status;
    if (key == "us") return &latency;
    if (key == "e") return &end;
    if (key == "t") return &start;
    if (key == "r") return &route;
    if (key == "ts") return &state;
    if (key == "n") return &counter;
    if (key == "h") return &host;
    return nullptr;
  }
};

Failure BadNumber(std::string_view field, std::string_view text) {
  return Fail(ErrorCode::kInvalidArgument, "proxy log line: \"{}\" is '{}', not a number in range",
              field, text.substr(0, 40));
}

// -1 where the sample is unset.
Result<std::int64_t> Number(std::string_view field, std::string_view text, std::int64_t most) {
  if (IsUnset(text)) return std::int64_t{-1};
  const auto value = ToInteger(text, std::numeric_limits<std::int64_t>::min(), most);
  if (!value) return BadNumber(field, text);
  return std::max<std::int64_t>(*value, -1);  // the proxy's clock was set back: not known
}

Result<std::int64_t> EndOf(const Fields& fields, std::int64_t latency_us) {
  if (!IsUnset(fields.end)) return Number("e", fields.end, kMaxMicros);
  if (IsUnset(fields.start)) return std::int64_t{-1};
  const auto start = ToMicros(fields.start);
  if (!start) return BadNumber("t", fields.start);
  return *start + std::max<std::int64_t>(latency_us, 0);
}

Result<ProxyLogLine> ToLine(const Fields& fields, std::int64_t process) {
  AUSPEX_TRY(const std::int64_t status, Number("st", fields.status, 999));
  AUSPEX_TRY(const std::int64_t latency_us, Number("us", fields.latency, kMaxMicros));
  AUSPEX_TRY(const std::int64_t end_us, EndOf(fields, latency_us));
  AUSPEX_TRY(const std::int64_t counter,
             Number("n", fields.counter, std::numeric_limits<std::int64_t>::max() - 1));
  ProxyLogLine line;
  line.backend = IsUnset(fields.backend) ? std::string_view() : fields.backend;
  const bool no_server = IsUnset(fields.server) || fields.server == "<NOSRV>";
  line.server = no_server ? std::string_view() : fields.server;
  line.route = ToRoute(fields.route);
  line.status = static_cast<std::int32_t>(status);
  line.latency_us = latency_us;
  line.end_us = end_us;
  line.counter = counter;
  line.process = process;
  if (!IsUnset(fields.host)) line.host = fields.host.substr(0, kMaxHostBytes);
  line.error = IsServerError(line.status, fields.state);
  return line;
}

Failure BadJson(simdjson::error_code error) {
  return Fail(ErrorCode::kInvalidArgument,
              "proxy log line: not one JSON object with quoted values: {}",
              simdjson::error_message(error));
}

}  // namespace

struct ProxyLogParser::Impl {
  simdjson::ondemand::parser parser;
  std::string text;

  simdjson::error_code Read(Fields& fields) {
    simdjson::ondemand::document document;
    simdjson::ondemand::object object;
    const simdjson::padded_string_view padded(text.data(), text.size(), text.capacity());
    if (auto error = parser.iterate(padded).get(document)) return error;
    if (auto error = document.get_object().get(object)) return error;
    for (auto field : object) {
      std::string_view key;
      if (auto error = field.unescaped_key().get(key)) return error;
      std::string_view* const slot = fields.Slot(key);
      if (slot == nullptr) continue;
      if (auto error = field.value().get_string().get(*slot)) return error;
    }
    const bool at_end = document.current_location().error() == simdjson::OUT_OF_BOUNDS;
    return at_end ? simdjson::SUCCESS : simdjson::TAPE_ERROR;
  }
};

ProxyLogParser::ProxyLogParser() : impl_(std::make_unique<Impl>()) {}
ProxyLogParser::~ProxyLogParser() = default;

Result<ProxyLogLine> ProxyLogParser::Parse(std::string_view message) {
  while (!message.empty() && (message.back() == '\n' || message.back() == '\r')) {
    message.remove_suffix(1);
  }
  const auto split = SplitMessage(message);
  if (!split) {
    return Fail(ErrorCode::kInvalidArgument,
                "proxy log line: no RFC 5424 header before it; set `format rfc5424` in the ring");
  }
  std::string& text = impl_->text;
  text.reserve(split->text.size() + simdjson::SIMDJSON_PADDING);
  text.assign(split->text);
  if (std::any_of(text.begin(), text.end(), NeedsMending)) MendJson(text);
  Fields fields;
  if (const auto error = impl_->Read(fields)) return BadJson(error);
  if (fields.server.empty()) {
    return Fail(ErrorCode::kInvalidArgument, "proxy log line: no \"s\" (server)");
  }
  return ToLine(fields, split->process);
}

}  // namespace auspex::telemetry
