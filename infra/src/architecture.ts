/**
 * The command that says what the programs of an environment are built for, for whoever builds them:
 *
 *     npm run -s architecture -- ENV
 */

import { SettingsError, loadEnvironment } from "./settings";

try {
  console.log(loadEnvironment("environments", process.argv[2] ?? "").settings.architecture);
} catch (error) {
  if (!(error instanceof SettingsError)) throw error;
  console.error(error.message);
  process.exitCode = 2;
}
