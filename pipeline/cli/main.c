/* The program's entry; everything else is in the library, so that tests link it. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return gm_cli_main(argc, argv);
}
