<?php

/*
 * A page of the shop that runs hooks: `run` is a JSON list of [hook, variables]. It says which hooks were registered,
 * what they returned and what was printed; what the companion still does after that must not reach the browser.
 */

declare(strict_types=1);

use WHMCS\Database\Capsule;

$hooks = [];
$activity = $config['activity'] ?? null;

function add_hook(string $name, int $priority, callable $hook): void
{
    global $hooks;
    $hooks[$name][] = $hook;
}

if (is_string($activity)) {
    function logActivity(string $text): void
    {
        global $activity;
        file_put_contents($activity, $text . "\n", FILE_APPEND);
    }
}

if (isset($config['catalogue'])) {
    require __DIR__ . '/catalogue-' . basename($config['catalogue']) . '.php';
}

ob_start();
// WHMCS loads every file of the folder.
foreach (glob($config['root'] . '/includes/hooks/*.php') as $file) {
    include $file;
}
$returned = [];
foreach (json_decode((string) ($_POST['run'] ?? '[]'), true) as [$name, $vars]) {
    foreach ($hooks[$name] ?? [] as $hook) {
        $returned[] = $hook($vars);
    }
}
$printed = ob_get_clean();
header('Content-Type: application/json');
echo json_encode([
    'registered' => array_keys($hooks),
    'returned' => $returned,
    'printed' => $printed,
    'statements' => count(Capsule::connection()->getQueryLog()),
    'catalogue' => $GLOBALS['catalogue'] ?? null,
]), "\n";
