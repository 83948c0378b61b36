/* EXIF orientation on a gray plane: each of the eight is a start and two strides in the stored
 * plane. Done in squares, because half of them read columns. */
#include "image/picture.h"

#define SQUARE 64

struct steps {
    ptrdiff_t start, right, down; /* of the result, in bytes of the stored plane */
};

static struct steps steps_of(unsigned orientation, ptrdiff_t width, ptrdiff_t height)
{
    ptrdiff_t last = width * height - 1, last_row = width * (height - 1);
    const struct steps all[] = {
        {0, 1, width},          /* 1: as stored */
        {width - 1, -1, width}, /* 2: mirrored */
        {last, -1, -width},     /* 3: upside down */
        {last_row, 1, -width},  /* 4: mirrored upside down */
        {0, width, 1},          /* 5: mirrored along the diagonal */
        {last_row, -width, 1},  /* 6: a quarter turn clockwise */
        {last, -width, -1},     /* 7: mirrored along the other diagonal */
        {width - 1, width, -1}, /* 8: a quarter turn counter-clockwise */
    };
    return all[orientation - 1];
}

static void copy_square(const uint8_t *from, const struct steps *steps, uint8_t *to, size_t width,
                        const size_t size[2])
{
    for (size_t y = 0; y < size[1]; y++)
        for (size_t x = 0; x < size[0]; x++)
            to[y * width + x] = from[(ptrdiff_t)x * steps->right + (ptrdiff_t)y * steps->down];
}

static size_t up_to(size_t square, size_t left)
{
    return left < square ? left : square;
}

enum gm_reason gm_picture_orient(struct gm_picture *picture, unsigned orientation)
{
    if (orientation < 2 || orientation > 8)
        return GM_REASON_NONE;
    size_t width = picture->width, height = picture->height;
    struct steps steps = steps_of(orientation, (ptrdiff_t)width, (ptrdiff_t)height);
    if (orientation > 4) {
        width = picture->height;
        height = picture->width;
    }
    uint8_t *turned = gm_picture_scratch(picture, width * height);
    if (!turned)
        return gm_picture_fail(picture, GM_REASON_LIMIT_MEMORY, "no memory to turn the picture");
    for (size_t y = 0; y < height; y += SQUARE)
        for (size_t x = 0; x < width; x += SQUARE)
            copy_square(picture->plane + steps.start + (ptrdiff_t)x * steps.right +
                            (ptrdiff_t)y * steps.down,
                        &steps, turned + y * width + x, width,
                        (size_t[2]){up_to(SQUARE, width - x), up_to(SQUARE, height - y)});
    gm_picture_swap(picture, (uint32_t)width, (uint32_t)height);
    return GM_REASON_NONE;
}
