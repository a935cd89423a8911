// Pictures as files: what other programs read there, and what goes wrong.
#include "dm/host/picture_file.hpp"
#include "tests/support/png.hpp"

#include <fcntl.h>
#include <filesystem>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

namespace dm::host {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct PictureFileTest : testing::Test {
    PictureFileTest() {
        std::string name = (std::filesystem::temp_directory_path() / "hvmdm-picture-XXXXXX").string();
        folder = ::mkdtemp(name.data());
    }
    ~PictureFileTest() override { std::filesystem::remove_all(folder); }

    static std::string content(const std::string& path) {
        std::ifstream file(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    }

    std::filesystem::path folder;
    std::vector<u32> pixels = {0x010203, 0xff8000, 0, 0xffffff, 0x112233, 0x000080};
    Picture picture{3, 2, pixels};
};

TEST_F(PictureFileTest, PpmHoldsTheColoursInOrder) {
    const std::string path = folder / "shot.ppm";
    ASSERT_TRUE(write_picture(picture, PictureFormat::Ppm, path, {}).ok());
    EXPECT_EQ(
        content(path),
        std::string("P6\n3 2\n255\n\x01\x02\x03\xff\x80\x00\x00\x00\x00\xff\xff\xff\x11\x22\x33\x00\x00\x80",
                    29));
}

TEST_F(PictureFileTest, PngIsReadBack) {
    const std::string path = folder / "shot.png";
    ASSERT_TRUE(write_picture(picture, PictureFormat::Png, path, {}).ok());
    const auto read = test::PngReader::read(path);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->width, 3U);
    EXPECT_EQ(read->height, 2U);
    EXPECT_EQ(read->pixels, pixels);
}

TEST_F(PictureFileTest, ALargePngIsReadBack) {
    std::vector<u32> many(2560 * 1600);
    for (u32 i = 0; i < many.size(); ++i)
        many[i] = i * 2654435761U >> 8;
    const std::string path = folder / "large.png";
    ASSERT_TRUE(write_picture({2560, 1600, many}, PictureFormat::Png, path, {}).ok());
    const auto read = test::PngReader::read(path);
    ASSERT_TRUE(read);
    EXPECT_TRUE(read->pixels == many);
}

TEST_F(PictureFileTest, AnOldFileIsReplacedWholly) {
    const std::string path = folder / "shot.ppm";
    std::ofstream(path) << std::string(1000, 'x');
    ASSERT_TRUE(write_picture(picture, PictureFormat::Ppm, path, {}).ok());
    EXPECT_EQ(std::filesystem::file_size(path), 29U);
}

TEST_F(PictureFileTest, AnOpenFileIsWrittenAndMadeEmptyBefore) {
    const std::string path = folder / "shot.ppm";
    std::ofstream(path) << std::string(1000, 'x');
    UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    ASSERT_TRUE(write_picture(picture, PictureFormat::Ppm, "/dev/fdset/1", std::move(fd)).ok());
    EXPECT_EQ(std::filesystem::file_size(path), 29U);
}

TEST_F(PictureFileTest, ErrorsNameTheFile) {
    const std::string path = folder / "nowhere" / "shot.ppm";
    EXPECT_THAT(write_picture(picture, PictureFormat::Ppm, path, {}).error().message,
                AllOf(HasSubstr(path), HasSubstr("No such file")));
    EXPECT_THAT(write_picture(picture, PictureFormat::Png, "/dev/full", {}).error().message,
                AllOf(HasSubstr("/dev/full"), HasSubstr("No space")));
}

TEST_F(PictureFileTest, AFifoThatNobodyReadsIsAnErrorAndNoWait) {
    const std::string path = folder / "fifo";
    ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
    EXPECT_THAT(write_picture(picture, PictureFormat::Ppm, path, {}).error().message, HasSubstr(path));
}

} // namespace
} // namespace dm::host
