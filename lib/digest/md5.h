// MD5 (RFC 1321), for what others say by it: nothing that somebody might want to forge. OpenSSL has
// none where it is told to keep to FIPS.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace sluice {

class Md5 {
 public:
  // `properties` of OpenSSL's providers, such as "fips=yes"; empty: as it is set up.
  explicit Md5(const char* properties = "");

  [[nodiscard]] bool is_there() const { return algorithm_ != nullptr; }
  // 32 lower-case hex digits; empty: it is not there.
  [[nodiscard]] std::string hex(std::string_view bytes) const;

 private:
  std::shared_ptr<void> algorithm_;
};

// As OpenSSL is set up; looked up once.
const Md5& md5();

}  // namespace sluice
