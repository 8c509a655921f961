import { buildGoProgram } from '#deploy/local/go-program.ts';

/** The load generator that ours is compared with; its version stands in `vegeta/go.mod`. */
export function buildVegeta(say: (line: string) => void): Promise<string> {
  return buildGoProgram(
    {
      name: 'vegeta',
      folder: 'bench/load-tool/vegeta',
      package: 'github.com/tsenart/vegeta/v12',
      wantedFor: 'The check of the load generator',
    },
    say,
  );
}
