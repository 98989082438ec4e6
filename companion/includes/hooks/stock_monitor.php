<?php

declare(strict_types=1);

/*
 * The hooks of whmcs-stock-monitor. They make the action GetProductDetails tickable on the API Roles screen, and tell
 * the monitor "look now" when an order, a service or a product changes. PHP 7.2 to 8.3. Nothing is printed, nothing is
 * thrown, no checkout waits: the hint is sent after the page has gone out, within a second, and never tried again.
 *
 * This file is replaced by an upgrade. Settings: includes/stock_monitor/settings.php; without it no hint is sent.
 */

use WHMCS\Database\Capsule;

if (!defined('WHMCS')) {
    die('This file cannot be accessed directly');
}

if (!class_exists('WhmcsStockMonitorHooks', false)) {
    final class WhmcsStockMonitorHooks
    {
        /** Hooks after which stock may differ, and whether they tell the monitor unless the settings say otherwise. */
        const HOOKS = [
            'AfterShoppingCartCheckout' => true,
            'AcceptOrder' => true,
            'CancelOrder' => true,
            'DeleteOrder' => true,
            'FraudOrder' => true,
            'PendingOrder' => true,
            'CancelAndRefundOrder' => true,
            'OrderPaid' => true,
            'ProductEdit' => true,
            'ProductDelete' => true,
            'ServiceDelete' => true,
            'ServiceEdit' => true,
            'AfterModuleCreate' => true,
            'AfterModuleTerminate' => true,
            'AfterProductUpgrade' => true,
            'AfterConfigOptionsUpgrade' => true,
            'AfterCronJob' => false,
        ];
        /** The whole time-out of a hint, in milliseconds. */
        const TIMEOUT = 1000;
        /** In the place of an HTTP status. */
        const UNREACHABLE = -1;
        /** The fewest bytes of a key; the monitor takes none that is shorter. */
        const SHORTEST_KEY = 24;
        /** Where more products changed in one request, the monitor looks at all. */
        const MOST_PRODUCTS = 200;
        /** The action's place on the API Roles screen. */
        const GROUP = 'StockMonitor';
        const ACTION = 'getproductdetails';

        /** @var string|null the first hook of this request that tells the monitor */
        private static $hook = null;
        /** @var array<int, bool> ids of products */
        private static $products = [];
        /** @var bool whether something changed that names no product */
        private static $unnamed = false;
        /** @var array<string, mixed>|null */
        private static $settings = null;

        public static function register()
        {
            if (!function_exists('add_hook')) {
                return;
            }
            add_hook('AdminAreaPage', 1, static function () {
                self::quietly(static function () {
                    self::catalogue();
                });
            });
            foreach (array_keys(self::HOOKS) as $hook) {
                add_hook($hook, 1, static function ($vars = []) use ($hook) {
                    self::quietly(static function () use ($hook, $vars) {
                        self::note($hook, is_array($vars) ? $vars : []);
                    });
                });
            }
        }

        /** Does it without a notice, an output or an exception, whatever happens. */
        private static function quietly(callable $what)
        {
            $depth = ob_get_level();
            ob_start();
            set_error_handler(static function (): bool {
                return true;
            });
            try {
                $what();
            } catch (Throwable $error) {
                // A hook that fails must never cost an order.
            } finally {
                restore_error_handler();
                while (ob_get_level() > $depth) {
                    ob_end_clean();
                }
            }
        }

        /**
         * Custom actions are missing from the API Roles screen until they are in this catalogue. WHMCS does not document
         * it: where a version has none, or another one, nothing is done.
         */
        private static function catalogue()
        {
            $catalogue = 'WHMCS\\Api\\V1\\Catalog';
            if (!class_exists($catalogue) || !is_callable([$catalogue, 'get']) || !is_callable([$catalogue, 'add'])) {
                return;
            }
            $present = call_user_func([$catalogue, 'get']);
            if (!is_callable([$present, 'getGroups']) || !is_callable([$present, 'getActions'])) {
                return;
            }
            $groups = call_user_func([$present, 'getGroups']);
            $actions = call_user_func([$present, 'getActions']);
            if (!is_array($groups) || !is_array($actions) || array_key_exists(self::ACTION, $actions)) {
                return;
            }
            if (!array_key_exists(self::GROUP, $groups)) {
                call_user_func([$catalogue, 'add'], [], [self::GROUP => ['name' => 'Stock monitor']]);
            }
            $action = ['group' => self::GROUP, 'name' => 'GetProductDetails', 'default' => 0];
            call_user_func([$catalogue, 'add'], [self::ACTION => $action]);
        }

        /** Remembers what changed; the first of a request arranges that it is told at its end. */
        private static function note(string $hook, array $vars)
        {
            if (!self::tells($hook)) {
                return;
            }
            try {
                $products = self::productsOf(array_change_key_case($vars, CASE_LOWER));
            } catch (Throwable $error) {
                // Which ones is not known; that something changed is.
                $products = [];
            }
            self::$unnamed = self::$unnamed || $products === [];
            self::$products += array_fill_keys($products, true);
            if (self::$hook !== null) {
                return;
            }
            self::$hook = $hook;
            // Registered from within a shutdown function, it runs after all that others registered: nothing that
            // WHMCS still does at the end of the request is cut off by what we send to the browser.
            register_shutdown_function(static function () {
                register_shutdown_function(static function () {
                    self::quietly(static function () {
                        self::send();
                    });
                });
            });
        }

        private static function tells(string $hook): bool
        {
            $settings = self::settings();
            if ($settings['url'] === '' || $settings['secret'] === '') {
                return false;
            }
            return isset($settings['hooks'][$hook]) ? (bool) $settings['hooks'][$hook] : self::HOOKS[$hook];
        }

        /**
         * The products that a hook's variables name, themselves or through a service or an order.
         *
         * @return int[] empty where that cannot be told
         */
        private static function productsOf(array $vars): array
        {
            $params = isset($vars['params']) && is_array($vars['params'])
                ? array_change_key_case($vars['params'], CASE_LOWER)
                : [];
            foreach ([$vars, $params] as $named) {
                foreach (['pid', 'packageid'] as $name) {
                    $ids = self::ids(isset($named[$name]) ? $named[$name] : null);
                    if ($ids !== []) {
                        return $ids;
                    }
                }
            }
            foreach (['serviceids' => 'id', 'serviceid' => 'id', 'orderid' => 'orderid'] as $name => $column) {
                $given = isset($vars[$name]) ? $vars[$name] : (isset($params[$name]) ? $params[$name] : null);
                $ids = self::ids($given);
                $products = $ids === [] ? [] : self::productsOfServices($column, $ids);
                if ($products !== []) {
                    return $products;
                }
            }
            return [];
        }

        /**
         * @param int[] $ids
         * @return int[]
         */
        private static function productsOfServices(string $column, array $ids): array
        {
            $products = [];
            $rows = Capsule::table('tblhosting')->whereIn($column, array_slice($ids, 0, 500))->get(['packageid']);
            foreach ($rows as $row) {
                $row = (array) $row;
                $products = array_merge($products, self::ids($row['packageid']));
            }
            return array_values(array_unique($products));
        }

        /**
         * @param mixed $given an id, or a list of them
         * @return int[]
         */
        private static function ids($given): array
        {
            $ids = [];
            foreach (is_array($given) ? $given : [$given] as $id) {
                if ((is_int($id) || is_string($id)) && preg_match('/^[1-9][0-9]{0,17}$/D', (string) $id) === 1) {
                    $ids[] = (int) $id;
                }
            }
            return $ids;
        }

        /** @return array{url: string, secret: string, instance: string, log: bool, hooks: array<string, mixed>} */
        private static function settings(): array
        {
            if (self::$settings !== null) {
                return self::$settings;
            }
            // Should reading it fail, it is not tried at each hook of the request.
            self::$settings = ['url' => '', 'secret' => '', 'instance' => '', 'log' => false, 'hooks' => []];
            $file = dirname(__DIR__) . '/stock_monitor/settings.php';
            $read = is_file($file) ? include $file : [];
            $read = is_array($read) ? $read : [];
            foreach (['url', 'secret', 'instance'] as $name) {
                if (isset($read[$name]) && is_string($read[$name])) {
                    self::$settings[$name] = trim($read[$name]);
                }
            }
            self::$settings['log'] = isset($read['log']) && $read['log'] === true;
            self::$settings['hooks'] = isset($read['hooks']) && is_array($read['hooks']) ? $read['hooks'] : [];
            return self::$settings;
        }

        /** Lets the page go, then posts the hint. */
        private static function send()
        {
            $key = self::key(self::$settings['secret']);
            if ($key === null) {
                self::log('its secret is not whsec_ and base64 of 24 bytes or more');
                return;
            }
            if (preg_match('#^https?://[^\s/]+#i', self::$settings['url']) !== 1) {
                self::log('its url is not an http or https address');
                return;
            }
            self::release();
            $body = self::body();
            $id = 'msg_' . bin2hex(random_bytes(16));
            $time = (string) time();
            $signature = base64_encode(hash_hmac('sha256', $id . '.' . $time . '.' . $body, $key, true));
            $status = self::post($body, [
                'Content-Type: application/json',
                'User-Agent: whmcs-stock-monitor-companion',
                'webhook-id: ' . $id,
                'webhook-timestamp: ' . $time,
                'webhook-signature: v1,' . $signature,
            ]);
            if ($status < 200 || $status > 299) {
                self::log(self::failure($status));
            }
        }

        private static function failure(int $status): string
        {
            if ($status === self::UNREACHABLE) {
                return 'no connection to the monitor could be made (its address, a firewall, or it does not run)';
            }
            return $status === 0 ? 'the monitor did not answer within a second' : "it was answered with HTTP $status";
        }

        /**
         * The bytes of a secret: base64 after whsec_, or the text as it is, as the monitor reads it.
         *
         * @return string|null null where they are no key
         */
        private static function key(string $secret)
        {
            $key = strncmp($secret, 'whsec_', 6) === 0 ? base64_decode(substr($secret, 6), true) : $secret;
            return is_string($key) && strlen($key) >= self::SHORTEST_KEY ? $key : null;
        }

        private static function body(): string
        {
            $products = array_keys(self::$products);
            sort($products);
            $all = self::$unnamed || count($products) > self::MOST_PRODUCTS;
            $data = ['hook' => self::$hook, 'products' => $all ? [] : $products];
            if (self::$settings['instance'] !== '') {
                $data = ['instance' => self::$settings['instance']] + $data;
            }
            $hint = ['type' => 'stock.hint', 'timestamp' => gmdate('Y-m-d\TH:i:s\Z'), 'data' => $data];
            return (string) json_encode($hint, JSON_UNESCAPED_SLASHES | JSON_INVALID_UTF8_SUBSTITUTE);
        }

        /** Hands the finished page to the browser, so that nobody waits for the monitor. */
        private static function release()
        {
            // The client's next page must not wait for this one's session.
            if (session_status() === PHP_SESSION_ACTIVE) {
                session_write_close();
            }
            ignore_user_abort(true);
            foreach (['fastcgi_finish_request', 'litespeed_finish_request'] as $finish) {
                if (function_exists($finish)) {
                    $finish();
                    return;
                }
            }
            while (ob_get_level() > 0 && ob_end_flush()) {
                continue;
            }
            flush();
        }

        /**
         * @param string[] $headers
         * @return int the status; 0 where there was no answer in time, UNREACHABLE where nobody was there to answer
         */
        private static function post(string $body, array $headers): int
        {
            $url = self::$settings['url'];
            if (!function_exists('curl_init')) {
                return self::postAsStream($url, $body, $headers);
            }
            $curl = curl_init($url);
            if ($curl === false) {
                return 0;
            }
            curl_setopt_array($curl, [
                CURLOPT_POST => true,
                CURLOPT_POSTFIELDS => $body,
                // No "Expect: 100-continue", which would cost a round trip.
                CURLOPT_HTTPHEADER => array_merge($headers, ['Expect:']),
                CURLOPT_PROTOCOLS => CURLPROTO_HTTP | CURLPROTO_HTTPS,
                CURLOPT_FOLLOWLOCATION => false,
                CURLOPT_NOSIGNAL => true,
                CURLOPT_CONNECTTIMEOUT_MS => self::TIMEOUT,
                CURLOPT_TIMEOUT_MS => self::TIMEOUT,
                // The answer's text is of no interest.
                CURLOPT_WRITEFUNCTION => static function ($curl, string $data): int {
                    return strlen($data);
                },
            ]);
            $done = curl_exec($curl);
            if ($done === false) {
                return curl_errno($curl) === CURLE_OPERATION_TIMEDOUT ? 0 : self::UNREACHABLE;
            }
            return (int) curl_getinfo($curl, CURLINFO_HTTP_CODE);
        }

        /**
         * Where PHP has no curl.
         *
         * @param string[] $headers
         */
        private static function postAsStream(string $url, string $body, array $headers): int
        {
            // Connecting and reading have their time each.
            $context = stream_context_create(['http' => [
                'method' => 'POST',
                'header' => implode("\r\n", array_merge($headers, ['Connection: close'])),
                'content' => $body,
                'timeout' => self::TIMEOUT / 2000,
                'follow_location' => 0,
                'ignore_errors' => true,
            ]]);
            $begun = microtime(true);
            $stream = fopen($url, 'rb', false, $context);
            if ($stream === false) {
                // PHP does not say why; a refusal comes at once.
                return microtime(true) - $begun < self::TIMEOUT / 2500 ? self::UNREACHABLE : 0;
            }
            $data = stream_get_meta_data($stream);
            fclose($stream);
            $line = isset($data['wrapper_data'][0]) ? (string) $data['wrapper_data'][0] : '';
            return preg_match('#^HTTP/\S+ ([0-9]{3})#', $line, $found) === 1 ? (int) $found[1] : 0;
        }

        private static function log(string $why)
        {
            if (self::$settings['log'] && function_exists('logActivity')) {
                logActivity('Stock monitor: a hint was not delivered: ' . $why);
            }
        }
    }

    WhmcsStockMonitorHooks::register();
}
