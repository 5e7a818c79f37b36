#include "tests/tiny_sqs/md5.h"

#include <openssl/evp.h>

#include <array>

#include "lib/base/check.h"
#include "lib/digest/digest.h"

namespace sluice::tiny_sqs {

std::string md5_hex(std::string_view bytes) {
  // Fetched once: a look for it costs more than a short text.
  static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "MD5", nullptr);
  CHECK(algorithm != nullptr);
  std::array<char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  CHECK(EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()),
                   &size, algorithm, nullptr) == 1);
  return to_hex({digest.data(), size});
}

}  // namespace sluice::tiny_sqs
