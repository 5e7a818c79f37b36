#include "lib/port/link_address.h"

#include <charconv>
#include <string_view>

namespace sluice::port {

namespace {

constexpr std::size_t kIpcPathMax = 100;  // sockaddr_un's, with room for what ZeroMQ adds

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(text.data(), end, port);
  return failed == std::errc{} && stop == end && port > 0;
}

bool is_loopback(std::string_view host) {
  const bool numeric = host.find_first_not_of("0123456789.") == std::string_view::npos;
  return host == "localhost" || host == "[::1]" || (numeric && host.starts_with("127."));
}

Error wrong(const std::string& address, const std::string& what) {
  return {Trouble::kSettings, address + ": " + what};
}

}  // namespace

Status check_link_address(const std::string& address) {
  if (address.starts_with("ipc://")) {
    const std::size_t size = address.size() - std::string_view("ipc://").size();
    if (size > 0 && size <= kIpcPathMax) return Done{};
    return wrong(address, "a socket's path has 1 to " + std::to_string(kIpcPathMax) +
                              " bytes; choose a shorter data_dir");
  }
  std::string_view rest = address;
  for (const std::string_view scheme : {"tcp://", "dns:"}) {
    if (address.starts_with(scheme)) rest.remove_prefix(scheme.size());
  }
  const std::size_t colon = rest.rfind(':');
  const bool formed = rest.size() < address.size() && colon != std::string_view::npos &&
                      colon > 0 && is_port(rest.substr(colon + 1));
  if (!formed) {
    return wrong(address, "is no address: write ipc:///path, tcp://host:port or dns:name:port");
  }
  if (is_loopback(rest.substr(0, colon))) return Done{};
  return wrong(address,
               "links are not encrypted yet, so they are for one machine: ipc:///path or "
               "tcp://127.0.0.1:port");
}

std::optional<std::pair<std::string, std::string>> name_and_port(const std::string& address) {
  const std::size_t colon = address.rfind(':');
  if (!address.starts_with("dns:") || colon <= 4) return std::nullopt;
  return std::pair(address.substr(4, colon - 4), address.substr(colon + 1));
}

}  // namespace sluice::port
