#include "tests/upstream/request.h"

#include <algorithm>
#include <charconv>

namespace sluice::upstream {

namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Cuts the first line off `text`, without its CRLF.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find("\r\n");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 2);
  return line;
}

bool parse_first_line(std::string_view line, Request& request) {
  const std::size_t space = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (space == std::string_view::npos || last == space || space == 0) return false;
  request.method = line.substr(0, space);
  request.target = line.substr(space + 1, last - space - 1);
  const std::string_view version = line.substr(last + 1);
  request.keep_alive = version == "HTTP/1.1";
  return !request.target.empty() && (version == "HTTP/1.1" || version == "HTTP/1.0");
}

bool parse_headers(std::string_view text, Request& request) {
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || colon == 0) return false;
    request.headers.emplace_back(line.substr(0, colon), trimmed(line.substr(colon + 1)));
  }
  return true;
}

// The body's length by Content-Length; false when the framing is not one that this server takes.
bool body_length(const Request& request, std::size_t& length) {
  length = 0;
  int seen = 0;
  for (const auto& [name, value] : request.headers) {
    if (equals_ignoring_case(name, "transfer-encoding")) return false;
    if (!equals_ignoring_case(name, "content-length")) continue;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), length);
    if (error != std::errc{} || end != value.data() + value.size() || ++seen > 1) return false;
  }
  return length <= kRequestBodyMax;
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

std::string_view Request::header(std::string_view name) const {
  for (const auto& [have, value] : headers) {
    if (equals_ignoring_case(have, name)) return value;
  }
  return {};
}

ParsedRequest parse_request(std::string_view buffer) {
  ParsedRequest out;
  const std::size_t head = buffer.find("\r\n\r\n");
  if (head == std::string_view::npos) {
    out.parsed = buffer.size() > kHeadMax ? Parsed::kBad : Parsed::kPartial;
    return out;
  }
  out.parsed = Parsed::kBad;
  std::string_view text = buffer.substr(0, head + 2);
  Request& request = out.request;
  std::size_t length = 0;
  if (!parse_first_line(take_line(text), request) || !parse_headers(text, request) ||
      !body_length(request, length)) {
    return out;
  }
  if (equals_ignoring_case(request.header("connection"), "close")) request.keep_alive = false;
  request.expects_continue = equals_ignoring_case(request.header("expect"), "100-continue");
  out.head_done = true;
  out.size = head + 4 + length;
  request.body = buffer.substr(head + 4, length);
  out.parsed = buffer.size() < out.size ? Parsed::kPartial : Parsed::kWhole;
  return out;
}

}  // namespace sluice::upstream
