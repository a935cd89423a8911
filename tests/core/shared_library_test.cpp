#include "dm/core/shared_library.hpp"

#include <gmock/gmock.h>

namespace dm {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(SharedLibrary, FindsFunctionsByName) {
    Result<SharedLibrary> library = SharedLibrary::open("libz.so.1", "zlib1g");
    ASSERT_TRUE(library.ok());
    unsigned long (*crc32)(unsigned long, const unsigned char*, unsigned) = nullptr;
    library->find(crc32, "crc32");
    EXPECT_TRUE(library->complete("zlib 1.2").ok());
    ASSERT_NE(crc32, nullptr);
    const unsigned char text[] = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
    EXPECT_EQ(crc32(0, text, sizeof(text)), 0xcbf43926U); // the check value of CRC-32
}

TEST(SharedLibrary, NamesThePackageOfOneThatIsNotThere) {
    const auto library = SharedLibrary::open("libnowhere.so.9", "libnowhere9");
    ASSERT_FALSE(library.ok());
    EXPECT_THAT(library.error().message,
                AllOf(HasSubstr("libnowhere.so.9"), HasSubstr("install the package libnowhere9")));
}

TEST(SharedLibrary, NamesTheFirstFunctionThatIsMissing) {
    Result<SharedLibrary> library = SharedLibrary::open("libz.so.1", "zlib1g");
    ASSERT_TRUE(library.ok());
    void (*none)() = nullptr;
    library->find(none, "zlib_of_tomorrow");
    library->find(none, "zlib_of_next_week");
    EXPECT_EQ(none, nullptr);
    const Status complete = library->complete("zlib 9");
    ASSERT_FALSE(complete.ok());
    EXPECT_EQ(complete.error().message, "libz.so.1 has no zlib_of_tomorrow; install zlib 9 or later");
}

} // namespace
} // namespace dm
