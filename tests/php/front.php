<?php

/*
 * Plays a WHMCS under `php -S`: `includes/api.php` with its sign-in, IP list and roles, over the tables that the test
 * made; and `/hooks`, a page that runs the companion's hooks. FRONT_CONFIG names a JSON file, read at each request.
 * The companion's files are the real ones, included as WHMCS includes them.
 */

declare(strict_types=1);

error_reporting(E_ALL);
ini_set('display_errors', '1');
define('WHMCS', true);
require 'Illuminate/Database/autoload.php';
class_alias('Illuminate\\Database\\Capsule\\Manager', 'WHMCS\\Database\\Capsule');

use WHMCS\Database\Capsule;

$config = json_decode((string) file_get_contents((string) getenv('FRONT_CONFIG')), true);
$capsule = new Capsule();
$capsule->addConnection($config['database']);
$capsule->setAsGlobal();
Capsule::connection()->enableQueryLog();

if (strtok((string) $_SERVER['REQUEST_URI'], '?') === '/hooks') {
    require __DIR__ . '/hooks.php';
    return;
}

/** Signs in as WHMCS does; an error's message and status, or null. */
function refusal(array $config, string $action): ?array
{
    $given = static fn (string $name): string => (string) ($_POST[$name] ?? '');
    if ($given('identifier') === '' || $given('secret') === '') {
        return ['Authentication Failed', 403];
    }
    if ($given('identifier') !== $config['identifier']) {
        return ['Invalid or missing credentials', 403];
    }
    if ($given('secret') !== $config['secret']) {
        return ['Authentication Failed', 403];
    }
    if (!in_array($_SERVER['REMOTE_ADDR'], $config['ips'], true)) {
        return ['Invalid IP ' . $_SERVER['REMOTE_ADDR'], 403];
    }
    if ($action === '') {
        return ['Empty action request', 400];
    }
    if (!in_array($action, $config['role'], true)) {
        $known = $action === 'getproducts' || is_file(companion($config, $action));
        return $config['version'] === '9.0' && !$known
            ? ["Invalid API Action: \"$action\" is not a valid API action", 403]
            : ["Invalid Permissions: API action \"$action\" is not allowed", 403];
    }
    return null;
}

function companion(array $config, string $action): string
{
    return $config['root'] . '/includes/api/' . basename($action) . '.php';
}

/** Includes a custom action as WHMCS does: in a scope of its own, from which it takes $apiresults. */
function included(string $file): array
{
    $apiresults = [];
    include $file;
    return $apiresults;
}

/** GetProducts, from the tables, in the shape of the version; of the products of `pid`, where that is given. */
function catalogue(string $version): array
{
    $asked = (string) ($_POST['pid'] ?? '');
    $choices = [];
    foreach (Capsule::table('tblproductconfigoptionssub')->orderBy('sortorder')->orderBy('id')->get() as $row) {
        $choices[$row->configid][] = named($row) + ['recurring' => 0, 'required' => null, 'pricing' => []];
    }
    $options = [];
    foreach (Capsule::table('tblproductconfigoptions')->orderBy('order')->orderBy('id')->get() as $row) {
        $option = ['id' => $row->id, 'name' => named($row)['name'], 'type' => (string) $row->optiontype];
        if ($version !== '8.3') {
            $option += ['minqty' => $row->qtyminimum, 'maxqty' => $row->qtymaximum];
        }
        $options[$row->gid][] = $option + ['options' => ['option' => $choices[$row->id] ?? []]];
    }
    $groups = [];
    foreach (Capsule::table('tblproductconfiglinks')->orderBy('gid')->get() as $row) {
        $groups[$row->pid][$row->gid] = $options[$row->gid] ?? [];
    }
    $products = [];
    foreach (Capsule::table('tblproducts')->orderBy('id')->get() as $row) {
        if ($asked !== '' && !in_array((string) $row->id, explode(',', $asked), true)) {
            continue;
        }
        $product = ['pid' => $row->id, 'gid' => $row->gid, 'type' => 'server', 'name' => utf8($row->name)];
        if ($version !== '8.3') {
            $product += ['allowqty' => 0, 'quantity_available' => $row->stockcontrol ? $row->qty : 0];
        }
        $own = array_merge(...array_values($groups[$row->id] ?? [[]]));
        $products[] = $product + ['configoptions' => ['configoption' => $own]];
    }
    return ['result' => 'success', 'totalresults' => count($products), 'products' => ['product' => $products]];
}

function named(object $row): array
{
    $parts = explode('|', utf8($row->optionname), 2);
    return ['id' => $row->id, 'name' => $parts[1] ?? $parts[0], 'rawName' => $parts[0]];
}

function utf8(string $text): string
{
    return mb_convert_encoding($text, 'UTF-8', 'UTF-8');
}

$began = microtime(true);
$action = strtolower((string) ($_POST['action'] ?? ''));
$refusal = refusal($config, $action);
$status = $refusal[1] ?? 200;
ob_start();
if ($refusal !== null) {
    $apiresults = ['result' => 'error', 'message' => $refusal[0]];
} elseif ($action === 'getproducts') {
    $apiresults = catalogue($config['version']);
} elseif (is_file(companion($config, $action))) {
    for ($times = $config['times'] ?? 1; $times > 0; $times--) {
        $apiresults = included(companion($config, $action));
    }
} else {
    $apiresults = ['result' => 'error', 'message' => 'API Function Not Found'];
}
$printed = ob_get_clean();
$body = json_encode($apiresults);
if ($body === false) {
    $message = 'Error generating JSON encoded response: ' . json_last_error_msg();
    $body = json_encode(['result' => 'error', 'message' => $message]);
}
header('Content-Type: application/json');
if ($printed !== '') {
    $status = 500;
    header('Content-Type: text/html');
    $body = "<html>Laminas EmitterException: Output has been emitted previously; cannot emit response: $printed</html>";
}
http_response_code($status);
header('X-Statements: ' . count(Capsule::connection()->getQueryLog()));
header('X-Seconds: ' . round(microtime(true) - $began, 3));
header('X-Memory: ' . memory_get_peak_usage());
header('Content-Length: ' . strlen($body));
echo $body;
