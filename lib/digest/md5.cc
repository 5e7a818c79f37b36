#include "lib/digest/md5.h"

#include <openssl/evp.h>

#include <array>

#include "lib/base/check.h"
#include "lib/digest/digest.h"

namespace sluice {

Md5::Md5(const char* properties)
    : algorithm_(EVP_MD_fetch(nullptr, "MD5", properties),
                 [](void* fetched) { EVP_MD_free(static_cast<EVP_MD*>(fetched)); }) {}

std::string Md5::hex(std::string_view bytes) const {
  if (!is_there()) return {};
  std::array<char, 16> digest{};
  unsigned int size = 0;
  CHECK(EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()),
                   &size, static_cast<const EVP_MD*>(algorithm_.get()), nullptr) == 1);
  CHECK(size == digest.size());
  return to_hex({digest.data(), digest.size()});
}

const Md5& md5() {
  static const Md5 one;
  return one;
}

}  // namespace sluice
