#include "lib/digest/running_digest.h"

#include <openssl/evp.h>

#include "lib/base/check.h"

namespace sluice {

namespace {

struct FreeContext {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using Context = std::unique_ptr<EVP_MD_CTX, FreeContext>;

Context fresh() {
  Context context(EVP_MD_CTX_new());
  CHECK(context != nullptr);
  return context;
}

}  // namespace

struct RunningDigest::State {
  Context context = fresh();
};

RunningDigest::RunningDigest() : state_(std::make_unique<State>()) {
  CHECK(EVP_DigestInit_ex(state_->context.get(), EVP_sha256(), nullptr) == 1);
}
RunningDigest::RunningDigest(RunningDigest&&) noexcept = default;
RunningDigest& RunningDigest::operator=(RunningDigest&&) noexcept = default;
RunningDigest::~RunningDigest() = default;

void RunningDigest::add(std::string_view bytes) {
  CHECK(EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) == 1);
}

Sha256 RunningDigest::so_far() const {
  const Context copy = fresh();
  CHECK(EVP_MD_CTX_copy_ex(copy.get(), state_->context.get()) == 1);
  Sha256 digest{};
  unsigned int size = 0;
  CHECK(EVP_DigestFinal_ex(copy.get(), digest.data(), &size) == 1);
  CHECK(size == digest.size());
  return digest;
}

}  // namespace sluice
