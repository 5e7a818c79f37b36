#include "tests/upstream/answer.h"

#include <ctime>

namespace sluice::upstream {

namespace {

std::string_view phrase(unsigned status) {
  switch (status) {
    case 200:
      return "OK";
    case 403:
      return "Forbidden";
    case 429:
      return "Too Many Requests";
    case 503:
      return "Service Unavailable";
    default:
      return "Because";
  }
}

std::string head(unsigned status, bool keep_alive, std::size_t length) {
  return "HTTP/1.1 " + std::to_string(status) + " " + std::string(phrase(status)) +
         (keep_alive ? "\r\n" : "\r\nConnection: close\r\n") +
         (status == 204 || status == 304 ? ""
                                         : "Content-Length: " + std::to_string(length) + "\r\n");
}

}  // namespace

std::string http_date(std::int64_t unix_s) {
  const std::time_t at = unix_s;
  std::tm parts{};
  gmtime_r(&at, &parts);
  char text[64];
  const std::size_t length = std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts);
  return {text, length};
}

std::string answer_bytes(const Behaviour& behaviour, std::int64_t unix_s, bool keep_alive) {
  static std::int64_t dated = -1;
  static std::string date;
  if (dated != unix_s) {
    dated = unix_s;
    date = http_date(unix_s);
  }
  const bool bodiless = behaviour.status == 204 || behaviour.status == 304;
  const std::string_view body = bodiless                 ? ""
                                : behaviour.status < 300 ? "{\"ok\":true}\n"
                                                         : "{\"ok\":false}\n";
  std::string out = head(behaviour.status, keep_alive, body.size());
  out += "Content-Type: application/json\r\nDate: " + date + "\r\n";
  if (behaviour.has_retry_after) {
    out += "Retry-After: ";
    out += behaviour.as_date ? http_date(unix_s + behaviour.retry_after_s)
                             : std::to_string(behaviour.retry_after_s);
    out += "\r\n";
  }
  if (behaviour.status / 100 == 3) out += "Location: /redirected\r\n";
  out += "\r\n";
  out += body;
  return out;
}

std::string plain_bytes(unsigned status, std::string_view type, std::string_view body,
                        bool keep_alive) {
  std::string out = head(status, keep_alive, body.size());
  out += "Content-Type: ";
  out += type;
  out += "\r\n\r\n";
  out += body;
  return out;
}

}  // namespace sluice::upstream
