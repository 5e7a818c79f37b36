#include "lib/digest/seal.h"

#include <openssl/evp.h>

#include <array>
#include <memory>

#include "lib/base/check.h"
#include "lib/digest/digest.h"

namespace sluice {

namespace {

constexpr std::size_t kTag = 16;
constexpr std::size_t kBlock = 256;  // how long a text is tells no more than how many of these

using Context = std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)>;

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* bytes_of(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

Context begin(std::string_view secret, std::string_view nonce, int encrypts) {
  CHECK(secret.size() == kSealSecret && nonce.size() == kSealNonce);
  Context context(EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  CHECK(context != nullptr);
  CHECK(EVP_CipherInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, bytes_of(secret),
                          bytes_of(nonce), encrypts) == 1);
  return context;
}

}  // namespace

std::string sealed(std::string_view secret, std::string_view nonce, std::string_view text) {
  std::string padded(text);
  padded.resize((text.size() / kBlock + 1) * kBlock, '\0');
  const Context context = begin(secret, nonce, 1);
  std::string hidden(padded.size(), '\0');
  int size = 0;
  CHECK(EVP_CipherUpdate(context.get(), bytes_of(hidden), &size, bytes_of(padded),
                         static_cast<int>(padded.size())) == 1);
  std::array<unsigned char, kBlock> rest{};
  CHECK(EVP_CipherFinal_ex(context.get(), rest.data(), &size) == 1);
  std::string tag(kTag, '\0');
  CHECK(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, kTag, tag.data()) == 1);
  return to_hex(std::string(nonce) + tag + hidden);
}

std::optional<std::string> unsealed(std::string_view secret, std::string_view sealed_text) {
  const std::string all = from_hex(sealed_text);
  if (all.size() < kSealNonce + kTag + kBlock) return std::nullopt;
  const std::string_view whole = all;
  const std::string_view hidden = whole.substr(kSealNonce + kTag);
  std::string tag(whole.substr(kSealNonce, kTag));
  const Context context = begin(secret, whole.substr(0, kSealNonce), 0);
  std::string text(hidden.size(), '\0');
  int size = 0;
  const bool read = EVP_CipherUpdate(context.get(), bytes_of(text), &size, bytes_of(hidden),
                                     static_cast<int>(hidden.size())) == 1;
  std::array<unsigned char, kBlock> rest{};
  if (!read || EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kTag, tag.data()) != 1 ||
      EVP_CipherFinal_ex(context.get(), rest.data(), &size) != 1) {
    return std::nullopt;
  }
  text.resize(text.find_last_not_of('\0') + 1);
  return text;
}

}  // namespace sluice
