# `just NAME` runs a recipe, `just` lists them. `.ci/tools` installs just, among other tools, into
# `target/tools/bin`.

tools := shell('.ci/tools')
export PATH := tools + ':' + env('PATH')

# Lists the recipes
default:
    @just --list --unsorted

# Checks format and lints, runs the unit and in-memory tests: no server, under a minute when warm
quick:
    cargo fmt --check
    cargo clippy --locked --all-targets --all-features -- --deny warnings
    cargo nextest run --locked --all-features --lib --test memory --test recorder

# Runs all tests on one MongoDB server; arguments go to `cargo nextest run`, such as -E 'test(lease)'
test *arguments:
    .ci/test {{ arguments }}

# Runs everything that a change must pass
verify:
    .ci/run

# Mends format, spelling and what clippy can mend
fix:
    cargo fmt
    cargo clippy --locked --all-targets --all-features --fix --allow-dirty --allow-staged
    typos --write-changes

# `.ci/run` has one seed for all; this looks for what that seed does not lead to. A failure prints the seed that
# repeats it: `DIFFERENTIAL_SEED=777 just differential 1`.
#
# Compares both stores by so many random sequences of operations, from a random seed on
differential sequences='2000':
    DIFFERENTIAL_SEQUENCES={{ sequences }} .ci/test --profile differential

# Compares the API with the last release on crates.io. There is none yet, so `.ci/run` cannot do it before the
# first release. The default features are all of the API: `cli` adds a program, and `contract` is not covered by
# semantic versioning. The tool comes from `cargo install --locked cargo-semver-checks`.
#
# Reports what breaks the API since the last release (there is none yet)
semver:
    cargo semver-checks --default-features
